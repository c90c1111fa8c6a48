"""A deployment as it last succeeded: for tasks that act within it and change nothing of what it is.

Manifest, configs, release and stemcell versions and the variable set are those of that deploy, whatever was uploaded since.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bosh.director.tasks.contract import TaskContext
from bosh.execution.deployment_variables import DeploymentVariables
from bosh.execution.planning import as_deployed, parse_manifest, variables_of
from bosh.execution.request import DeployRequest
from bosh.execution.world import World, world_of
from bosh.inventory import read_catalog
from bosh.manifest.model import Desired
from bosh.state import records
from bosh.wire.errors import BadManifest, DeploymentNotFound


@dataclass(frozen=True)
class LastSuccess:
    """It, and a world to act in."""

    world: World
    """Its ``desired`` is the whole deployment."""
    desired: Desired
    request: DeployRequest
    """The deploy once more, with everything as it was."""
    variables: DeploymentVariables


def read_last_success(context: TaskContext, name: str) -> LastSuccess:
    """Read it.

    Raises:
        DeploymentNotFound: 70000. BadManifest: no deploy of it has succeeded yet. ManifestFaults: it cannot be understood any more.
    """
    row = context.store.deployments.get(name=name)
    if row is None:
        raise DeploymentNotFound(f"Deployment '{name}' doesn't exist")
    if not row.manifest:
        raise BadManifest("No successful BOSH deployment manifest available", resolution=f"Deploy '{name}' first.")
    request = _request(context, row)
    catalog, variables = read_catalog(context.store), variables_of(context, row, request)
    desired = parse_manifest(context, request, as_deployed(catalog, row), variables, row)
    world = replace(
        world_of(context),
        resolve=variables.resolve,
        catalog=catalog,
        desired=desired,
        variable_set=variables.set_id,
    )
    return LastSuccess(world, desired, request, variables)


def _request(context: TaskContext, row: records.Deployment) -> DeployRequest:
    configs = context.store.configs.list(id=list(row.config_ids))
    return DeployRequest(
        manifest=row.manifest,
        cloud_config_ids=tuple(one.id for one in configs if one.type == "cloud"),
        runtime_config_ids=tuple(one.id for one in configs if one.type == "runtime"),
        deploy=False,
    )
