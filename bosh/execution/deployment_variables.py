"""The variables of one deployment while it is deployed: which value each name has, and putting values in."""

from __future__ import annotations

from bosh.director.tasks.contract import TaskContext
from bosh.execution.request import DeployRequest
from bosh.manifest.model import Desired, Json
from bosh.plan.model import Layout
from bosh.state import records


class DeploymentVariables:
    def __init__(self, set_id: int) -> None:
        self.set_id = set_id

    def lookup(self, name: str) -> Json:
        raise KeyError(name)

    def resolve(self, value: Json) -> Json:
        return value

    async def converge(self, desired: Desired) -> None:
        pass

    async def converge_with_links(self, desired: Desired, layout: Layout) -> None:
        pass


def open_variables(context: TaskContext, row: records.Deployment, request: DeployRequest) -> DeploymentVariables:
    return DeploymentVariables(row.variable_set + 1)
