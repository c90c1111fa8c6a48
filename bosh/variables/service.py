"""The director's variables: generated once, kept by version, and remembered per deployment and variable set.

Only a deploy makes new values or takes up newer ones; restarts, recreations and repairs see the values of the set they name.
(bosh: config_server/client.rb)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from bosh.manifest.model import Json, Variable
from bosh.manifest.references import absolute_name
from bosh.state.contract import Conflict, Store
from bosh.state.records import VariableUse, VariableValue
from bosh.system.clock import Clock
from bosh.variables.certificates import CertificateError, KeyPairPem
from bosh.variables.generators import GenerationError, RandomText, Workshop, generate, names_ca, random_text
from bosh.variables.names import InconsistentVariableState, follow, resolved, root_of
from bosh.wire.errors import ConfigServerMissingName

PARALLEL_KEYS: Final = 4
"""RSA keys take a third of a second each and leave the interpreter free meanwhile."""

Addresses = Mapping[str, Mapping[str, str]]
"""Variable name → {``alternative_name`` or ``common_name``: DNS name of the link it consumes}."""


@dataclass(frozen=True, slots=True)
class Converged:
    """What became of one variable in a deploy."""

    name: str
    value_id: int
    """Negative in a dry run."""
    created: bool
    strategy: str = "on-deploy"
    latest: bool = True
    """False when the value of the last set was kept for its update strategy."""


class Variables:
    """Reads, generates and remembers values. One serves one task: it reads each set once.

    Args:
        dry_run: keep what is generated in memory; write nothing.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        director: str,
        random_text: RandomText = random_text,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._director = director
        self._random_text = random_text
        self._dry_run = dry_run
        self._by_id: dict[int, VariableValue] = {}
        self._unsaved: dict[str, VariableValue] = {}
        self._sets: dict[tuple[str, int], dict[str, int]] = {}

    # --- generating ---

    def converge(
        self,
        wanted: Sequence[Variable],
        *,
        deployment: str,
        set_id: int,
        previous_set: int = 0,
        stemcell_changed: bool = False,
        addresses: Addresses | None = None,
    ) -> list[Converged]:
        """Give every variable of a deployment a value and put it into the set.

        Args:
            previous_set: the set of the last successful deploy, 0 when there was none.
            stemcell_changed: whether variables with strategy ``on-stemcell-change`` may take up a newer value.
            addresses: DNS names of the links that certificates consume.

        Raises:
            GenerationError: a value cannot be generated; none of the set is recorded then.
        """
        variables = [self._prepared(variable, deployment, addresses or {}) for variable in wanted]
        kept = {
            variable.name: use
            for variable in variables
            if variable.strategy == "on-stemcell-change" and not stemcell_changed
            if (use := self._used(deployment, previous_set, variable.name)) is not None
        }
        made = self._generated([variable for variable in variables if variable.name not in kept], deployment)
        results = [self._result(variable, kept, made) for variable in variables]
        for result in results:
            self._record(deployment, set_id, result.name, result.value_id)
        return results

    def _result(self, variable: Variable, kept: Mapping[str, int], made: Collection[str]) -> Converged:
        if variable.name in kept:
            return Converged(
                variable.name, kept[variable.name], created=False, strategy=variable.strategy, latest=False
            )
        value = self._newest(variable.name)
        if value is None:
            raise AssertionError(f"'{variable.name}' was generated or found")
        return Converged(variable.name, value.id, created=variable.name in made, strategy=variable.strategy)

    def _prepared(self, variable: Variable, deployment: str, addresses: Addresses) -> Variable:
        """Options as they are remembered and compared: the CA's name absolute, DNS names of links put in."""
        options = dict(variable.options)
        if ca := names_ca(variable.type, options):
            options["ca"] = absolute_name(ca, director=self._director, deployment=deployment)
        given = addresses.get(variable.name, {})
        if "alternative_name" in given:
            options["alternative_names"] = [*(options.get("alternative_names") or ()), given["alternative_name"]]
        if "common_name" in given:
            options.setdefault("common_name", given["common_name"])
        return replace(variable, options=options)

    def _generated(self, variables: Sequence[Variable], deployment: str) -> set[str]:
        """Make what is missing or outdated, CAs before what they sign, equals side by side; the names of what was made."""
        waiting = {variable.name: variable for variable in variables if self._needs_value(variable)}
        names = set(waiting)
        with ThreadPoolExecutor(PARALLEL_KEYS) as workers:
            while waiting:
                ready = [each for each in waiting.values() if names_ca(each.type, each.options) not in waiting]
                if not ready:
                    raise GenerationError(f"CAs sign each other in a circle: {', '.join(sorted(waiting))}")
                workshops = [self._workshop(variable) for variable in ready]
                for variable, value in zip(ready, workers.map(_new_value, ready, workshops), strict=True):
                    self._keep(variable, value, deployment)
                    del waiting[variable.name]
        return names

    def _needs_value(self, variable: Variable) -> bool:
        newest = self._newest(variable.name)
        if newest is None or variable.update_mode == "overwrite":
            return True
        outdated = (newest.type, newest.options) != (variable.type, dict(variable.options))
        return variable.update_mode == "converge" and outdated

    def _workshop(self, variable: Variable) -> Workshop:
        """With the CA read beforehand: the threads that generate do not touch the store, which may be in a transaction."""
        name = names_ca(variable.type, variable.options)
        value = self._newest(name) if name else None
        pair = _key_pair(value.value) if value else None

        def authority(wanted: str) -> KeyPairPem:
            if pair is None:
                raise GenerationError(
                    f"no CA '{wanted}' with a certificate and a private key",
                    resolution="List it under 'variables:' with 'is_ca: true'.",
                )
            return pair

        return Workshop(now=self._clock.now(), authority=authority, random_text=self._random_text)

    def _keep(self, variable: Variable, value: Json, deployment: str) -> VariableValue:
        record = VariableValue(
            variable.name, value, self._clock.now(), variable.type, dict(variable.options), deployment
        )
        return self._insert(record)

    def set_value(self, name: str, value: Json, *, type: str = "value") -> VariableValue:  # noqa: A002
        """Store a value that somebody chose, under an absolute name."""
        return self._insert(VariableValue(name, value, self._clock.now(), type))

    def _insert(self, record: VariableValue) -> VariableValue:
        if self._dry_run:
            stored = self._unsaved[record.name] = replace(record, id=-1 - len(self._unsaved))
        else:
            stored = self._store.variable_values.insert(record)
        self._by_id[stored.id] = stored
        return stored

    # --- reading ---

    def lookup(
        self, name: str, *, deployment: str, set_id: int, force_latest: bool = False, writable: bool = True
    ) -> Json:
        """The value of a name, ``.key`` parts followed.

        Args:
            force_latest: take the newest value rather than the one the set holds.
            writable: whether a name that the set does not hold may be added to it, with the newest value; only a deploy may.

        Raises:
            ConfigServerMissingName: there is no such variable.
            ConfigServerFetchError: it has no such part.
            InconsistentVariableState: the set does not hold it and is not writable.
        """
        full = absolute_name(name, director=self._director, deployment=deployment)
        root = root_of(full)
        used = None if force_latest else self._used(deployment, set_id, root)
        value = self._by_number(used) if used is not None else None
        if value is not None:
            return follow(full, value.value)
        if not writable:
            raise InconsistentVariableState(
                f"Expected variable '{root}' to be already versioned in deployment '{deployment}'"
            )
        value = self._newest(root)
        if value is None:
            raise ConfigServerMissingName(
                f"Failed to find variable '{root}'",
                resolution="List it under 'variables:' in the manifest, or set its value.",
            )
        part = follow(full, value.value)
        self._record(deployment, set_id, root, value.id)
        return part

    def resolve(
        self, value: Json, *, deployment: str, set_id: int, force_latest: bool = False, writable: bool = True
    ) -> Json:
        """A copy of ``value`` with all its ``((references))`` replaced by what the set holds. The result is secret.

        Raises:
            ConfigServerFetchError: all variables without a value, one line each with a place.
            IncorrectVariablePlacement: a map, list, float or boolean stands inside text.
        """
        return resolved(
            value,
            director=self._director,
            deployment=deployment,
            lookup=lambda name: self.lookup(
                name, deployment=deployment, set_id=set_id, force_latest=force_latest, writable=writable
            ),
        )

    def latest(self, name: str) -> Json:
        """The newest value of an absolute name, for what no deployment owns (CPI and cloud configs).

        Raises:
            KeyError: there is none.
            ConfigServerFetchError: it has no such part.
        """
        value = self._newest(root_of(name))
        if value is None:
            raise KeyError(name)
        return follow(name, value.value)

    # --- sets ---

    def in_set(self, deployment: str, set_id: int) -> list[tuple[int, str]]:
        """Value id and name of everything a set holds, by name; ``GET /deployments/NAME/variables`` shows it."""
        return [(value_id, name) for name, value_id in sorted(self._set(deployment, set_id).items())]

    def keep_sets(self, deployment: str, keep: Collection[int]) -> None:
        """Forget the deployment's other sets; the values themselves stay."""
        if self._dry_run:
            return
        for set_id in {use.set_id for use in self._store.variable_uses.list(deployment=deployment)} - set(keep):
            self._store.variable_uses.delete(deployment=deployment, set_id=set_id)
            self._sets.pop((deployment, set_id), None)

    # --- inside ---

    def _newest(self, name: str) -> VariableValue | None:
        if name in self._unsaved:
            return self._unsaved[name]
        found = self._store.variable_values.list(name=name, newest_first=True, limit=1)
        if not found:
            return None
        self._by_id[found[0].id] = found[0]
        return found[0]

    def _by_number(self, value_id: int) -> VariableValue | None:
        """Values never change, so one reading is enough."""
        if value_id not in self._by_id:
            found = self._store.variable_values.get(id=value_id)
            if found is None:
                return None
            self._by_id[value_id] = found
        return self._by_id[value_id]

    def _used(self, deployment: str, set_id: int, name: str) -> int | None:
        return self._set(deployment, set_id).get(name)

    def _set(self, deployment: str, set_id: int) -> dict[str, int]:
        """Name → value id; templates ask for the same few hundred names over and over."""
        key = (deployment, set_id)
        if key not in self._sets:
            uses = self._store.variable_uses.list(deployment=deployment, set_id=set_id)
            self._sets[key] = {use.name: use.value_id for use in uses}
        return self._sets[key]

    def _record(self, deployment: str, set_id: int, name: str, value_id: int) -> None:
        """Put a value into a set; another one already there gives way."""
        used = self._used(deployment, set_id, name)
        if used == value_id:
            return
        self._set(deployment, set_id)[name] = value_id
        if self._dry_run:
            return
        uses = self._store.variable_uses
        if used is None:
            try:
                uses.insert(VariableUse(deployment, set_id, name, value_id))
                return
            except Conflict:
                # Another worker of the same deploy was faster; the value it took is as new as ours.
                pass
        uses.update_where({"deployment": deployment, "set_id": set_id, "name": name}, value_id=value_id)


def _key_pair(value: Json) -> KeyPairPem | None:
    if not isinstance(value, Mapping) or not value.get("private_key"):
        return None
    return KeyPairPem(str(value.get("certificate") or ""), str(value["private_key"]))


def _new_value(variable: Variable, workshop: Workshop) -> Json:
    try:
        return generate(variable.type, variable.options, workshop)
    except (GenerationError, CertificateError) as error:
        raise GenerationError(
            f"cannot generate variable '{variable.name}' of type '{variable.type}'",
            details=error.brief,
            resolution=error.resolution,
        ) from error
