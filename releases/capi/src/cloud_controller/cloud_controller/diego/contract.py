"""What we need of the BBS. Process guids there are ``<process guid>-<version>``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from cf_wire.bbs.actual_lrp_pb2 import ActualLRP
from cf_wire.bbs.desired_lrp_pb2 import DesiredLRP, DesiredLRPSchedulingInfo, DesiredLRPUpdate
from cf_wire.bbs.task_pb2 import Task, TaskDefinition

APPS_DOMAIN: Final = "cf-apps"
TASKS_DOMAIN: Final = "cf-tasks"
STAGING_DOMAIN: Final = "cf-app-staging"


class BbsError(Exception):
    """The BBS does not answer, or says no for another reason than the ones below."""


class LrpNotFound(BbsError):
    """No such desired LRP, instance or task."""


class LrpExists(BbsError):
    """There is such a desired LRP or task already."""


class BbsClient(Protocol):
    """Every method raises :class:`BbsError` when the BBS does not do it."""

    def desire_lrp(self, lrp: DesiredLRP) -> None:
        """Ask for instances; LrpExists when that was done before."""

    def update_lrp(self, process_guid: str, update: DesiredLRPUpdate) -> None:
        """Change the number of instances, routes, annotation; LrpNotFound when there is none."""

    def remove_lrp(self, process_guid: str) -> None:
        """Stop all instances; LrpNotFound when there is none."""

    def desired_lrp(self, process_guid: str) -> DesiredLRP | None:
        """What was asked for."""

    def scheduling_infos(self, domain: str) -> list[DesiredLRPSchedulingInfo]:
        """Everything desired in a domain, in short."""

    def actual_lrps(self, process_guids: Iterable[str]) -> list[ActualLRP]:
        """The instances of several desired LRPs."""

    def retire_instance(self, process_guid: str, index: int) -> None:
        """Stop one instance; another one takes its place."""

    def desire_task(self, guid: str, domain: str, definition: TaskDefinition) -> None:
        """Ask for a task; LrpExists when that was done before."""

    def cancel_task(self, guid: str) -> None:
        """Stop a task; LrpNotFound when there is none."""

    def tasks(self, domain: str) -> list[Task]:
        """All tasks of a domain."""

    def bump_domain(self, domain: str, ttl_seconds: int) -> None:
        """Say that what is desired in the domain is complete."""
