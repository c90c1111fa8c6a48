"""The variables of one deployment while it is acted upon: which set of values counts, and putting values in.

A deploy gets a set of its own, into which newer values go; everything else keeps to the set of the last success.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bosh.director.tasks.contract import Control
from bosh.manifest.model import Desired, Json
from bosh.state.contract import Store
from bosh.variables.service import Converged, Variables


@dataclass(frozen=True)
class DeploymentVariables:
    """One set of one deployment."""

    service: Variables
    deployment: str
    set_id: int
    previous_set: int
    writable: bool

    def lookup(self, name: str) -> Json:
        """The value of an absolute name, for references that a manifest cannot be understood without.

        Raises:
            KeyError: there is none yet.
        """
        return self.service.latest(name)

    def resolve(self, value: Json) -> Json:
        """A copy with all references replaced; secret. Raises ConfigServerFetchError with all that are missing."""
        return self.service.resolve(value, deployment=self.deployment, set_id=self.set_id, writable=self.writable)

    def converge(
        self, desired: Desired, control: Control, *, stemcell_changed: bool, addresses: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Give every variable of the manifest a value in this set; nothing where the set is that of an earlier deploy.

        Args:
            addresses: DNS names for certificates that consume links.

        Raises:
            GenerationError: 540005.
        """
        if not self.writable:
            return
        made = self.service.converge(
            desired.variables,
            deployment=self.deployment,
            set_id=self.set_id,
            previous_set=self.previous_set,
            stemcell_changed=stemcell_changed,
            addresses=addresses,
        )
        for one in made:
            if one.created and one.value_id > 0:
                self._tell(control, one)

    def _tell(self, control: Control, one: Converged) -> None:
        context = {
            "name": one.name,
            "id": str(one.value_id),
            "update_strategy": one.strategy,
            "latest_version": one.latest,
        }
        control.event("create", "variable", one.name, deployment=self.deployment, context=context)

    def keep(self, store: Store) -> None:
        """Forget the sets that neither the deployment nor an instance of it uses any more."""
        used = {row.variable_set for row in store.instances.list(deployment=self.deployment)}
        self.service.keep_sets(self.deployment, {self.set_id, *used})


def open_variables(
    store: Store, service: Variables, *, deployment: str, last_set: int, new_set: bool
) -> DeploymentVariables:
    """The deployment's variables.

    Args:
        last_set: of the last success, 0 when there was none.
        new_set: whether newer values may be taken up.
    """
    known = {use.set_id for use in store.variable_uses.list(deployment=deployment)} if new_set else set()
    set_id = max({last_set, *known}) + 1 if new_set else last_set
    return DeploymentVariables(
        service=service,
        deployment=deployment,
        set_id=set_id,
        previous_set=last_set,
        writable=new_set,
    )
