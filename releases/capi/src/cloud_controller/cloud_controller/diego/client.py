"""The BBS over HTTP: protobuf bodies in both directions, errors inside 200 answers (bbs: routes.go, client.go)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import httpx
from cf_wire.bbs import actual_lrp_pb2 as actual
from cf_wire.bbs import cells_pb2 as domains
from cf_wire.bbs import desired_lrp_pb2 as desired
from cf_wire.bbs import task_pb2 as tasks
from cf_wire.bbs.errors_pb2 import Error
from google.protobuf.message import DecodeError, Message

from cloud_controller.diego.contract import BbsError, LrpExists, LrpNotFound

CONTENT_TYPE = "application/x-protobuf"


A = TypeVar("A", bound=Message)


class HttpBbsClient:
    """See :class:`contract.BbsClient`."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _ask(self, path: str, request: Message, answer: A) -> A:
        headers = {"Content-Type": CONTENT_TYPE}
        try:
            reply = self._client.post(path, content=request.SerializeToString(), headers=headers).raise_for_status()
            answer.ParseFromString(reply.content)
        except (httpx.HTTPError, DecodeError) as error:
            raise BbsError(f"cannot ask the BBS ({path}): {error}") from error
        problem: Error = answer.error  # type: ignore[attr-defined]
        if answer.HasField("error"):
            raise _refusal(path, problem)
        return answer

    def desire_lrp(self, lrp: desired.DesiredLRP) -> None:
        """See :class:`contract.BbsClient`."""
        request = desired.DesireLRPRequest(desired_lrp=lrp)
        self._ask("/v1/desired_lrp/desire.r2", request, desired.DesiredLRPLifecycleResponse())

    def update_lrp(self, process_guid: str, update: desired.DesiredLRPUpdate) -> None:
        """See :class:`contract.BbsClient`."""
        request = desired.UpdateDesiredLRPRequest(process_guid=process_guid, update=update)
        self._ask("/v1/desired_lrp/update", request, desired.DesiredLRPLifecycleResponse())

    def remove_lrp(self, process_guid: str) -> None:
        """See :class:`contract.BbsClient`."""
        request = desired.RemoveDesiredLRPRequest(process_guid=process_guid)
        self._ask("/v1/desired_lrp/remove", request, desired.DesiredLRPLifecycleResponse())

    def desired_lrp(self, process_guid: str) -> desired.DesiredLRP | None:
        """See :class:`contract.BbsClient`."""
        request = desired.DesiredLRPByProcessGuidRequest(process_guid=process_guid)
        try:
            answer = self._ask("/v1/desired_lrps/get_by_process_guid.r3", request, desired.DesiredLRPResponse())
        except LrpNotFound:
            return None
        return answer.desired_lrp

    def scheduling_infos(self, domain: str) -> list[desired.DesiredLRPSchedulingInfo]:
        """See :class:`contract.BbsClient`."""
        request = desired.DesiredLRPsRequest(domain=domain)
        answer = self._ask(
            "/v1/desired_lrp_scheduling_infos/list", request, desired.DesiredLRPSchedulingInfosResponse()
        )
        return list(answer.desired_lrp_scheduling_infos)

    def actual_lrps(self, process_guids: Iterable[str]) -> list[actual.ActualLRP]:
        """See :class:`contract.BbsClient`."""
        wanted = list(process_guids)
        if not wanted:
            return []
        request = actual.ActualLRPsByProcessGuidsRequest(process_guids=wanted)
        answer = self._ask("/v1/actual_lrps/list_by_process_guids", request, actual.ActualLRPsByProcessGuidsResponse())
        return list(answer.actual_lrps)

    def retire_instance(self, process_guid: str, index: int) -> None:
        """See :class:`contract.BbsClient`."""
        key = actual.ActualLRPKey(process_guid=process_guid, index=index, domain="cf-apps")
        request = actual.RetireActualLRPRequest(actual_lrp_key=key)
        self._ask("/v1/actual_lrps/retire", request, actual.ActualLRPLifecycleResponse())

    def desire_task(self, guid: str, domain: str, definition: tasks.TaskDefinition) -> None:
        """See :class:`contract.BbsClient`."""
        request = tasks.DesireTaskRequest(task_guid=guid, domain=domain, task_definition=definition)
        self._ask("/v1/tasks/desire.r2", request, tasks.TaskLifecycleResponse())

    def cancel_task(self, guid: str) -> None:
        """See :class:`contract.BbsClient`."""
        self._ask("/v1/tasks/cancel", tasks.TaskGuidRequest(task_guid=guid), tasks.TaskLifecycleResponse())

    def tasks(self, domain: str) -> list[tasks.Task]:
        """See :class:`contract.BbsClient`."""
        answer = self._ask("/v1/tasks/list.r3", tasks.TasksRequest(domain=domain), tasks.TasksResponse())
        return list(answer.tasks)

    def bump_domain(self, domain: str, ttl_seconds: int) -> None:
        """See :class:`contract.BbsClient`."""
        request = domains.UpsertDomainRequest(domain=domain, ttl=ttl_seconds)
        self._ask("/v1/domains/upsert", request, domains.UpsertDomainResponse())


def _refusal(path: str, problem: Error) -> BbsError:
    kind = {Error.ResourceNotFound: LrpNotFound, Error.ResourceExists: LrpExists}.get(problem.type, BbsError)
    return kind(f"the BBS says no ({path}): {problem.message or Error.Type.Name(problem.type)}")
