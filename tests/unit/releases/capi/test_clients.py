"""What goes over the wire to the BBS and UAA, and how log-cache's gauges are read."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from cf_wire.bbs import actual_lrp_pb2 as actual
from cf_wire.bbs import desired_lrp_pb2 as desired
from cf_wire.bbs.errors_pb2 import Error
from cf_wire.loggregator.envelope_pb2 import Envelope
from cloud_controller.auth.uaa import UaaKeys, UaaUsers, UserName
from cloud_controller.diego.client import HttpBbsClient
from cloud_controller.diego.contract import BbsError, LrpExists, LrpNotFound
from cloud_controller.diego.usage import InstanceUsage, newest

Answer = Callable[[httpx.Request], httpx.Response]


def bbs(answer: Answer) -> HttpBbsClient:
    return HttpBbsClient(httpx.Client(base_url="https://bbs", transport=httpx.MockTransport(answer)))


def refusing(kind: Error.Type) -> Answer:
    message = desired.DesiredLRPLifecycleResponse(error=Error(type=kind, message="no"))
    return lambda _request: httpx.Response(200, content=message.SerializeToString())


def test_an_lrp_is_desired_with_a_protobuf_body() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"")

    bbs(answer).desire_lrp(desired.DesiredLRP(process_guid="g", instances=2))
    [request] = seen
    assert (request.url.path, request.headers["content-type"]) == (
        "/v1/desired_lrp/desire.r2",
        "application/x-protobuf",
    )
    assert desired.DesireLRPRequest.FromString(request.content).desired_lrp.instances == 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Error.ResourceNotFound, LrpNotFound), (Error.ResourceExists, LrpExists), (Error.Deadlock, BbsError)],
)
def test_refusals_inside_answers_are_told_apart(kind: Error.Type, expected: type[BbsError]) -> None:
    with pytest.raises(BbsError) as caught:
        bbs(refusing(kind)).remove_lrp("g")
    assert type(caught.value) is expected


def test_a_silent_bbs_is_an_error_of_its_own() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(BbsError):
        bbs(answer).scheduling_infos("cf-apps")
    with pytest.raises(BbsError):
        bbs(lambda _request: httpx.Response(500)).tasks("cf-tasks")
    with pytest.raises(BbsError):
        bbs(lambda _request: httpx.Response(200, content=b"\xff\xff\xff")).tasks("cf-tasks")


def test_instances_are_asked_for_all_at_once_or_not_at_all() -> None:
    listed = actual.ActualLRPsByProcessGuidsResponse(actual_lrps=[actual.ActualLRP(state="RUNNING")])
    found = bbs(lambda _request: httpx.Response(200, content=listed.SerializeToString())).actual_lrps(["a", "b"])
    assert [lrp.state for lrp in found] == ["RUNNING"]
    assert bbs(lambda _request: httpx.Response(500)).actual_lrps([]) == []
    assert bbs(refusing(Error.ResourceNotFound)).desired_lrp("g") is None


def gauge(index: str, **values: float) -> Envelope:
    envelope = Envelope(source_id="app", instance_id=index, tags={"process_id": "p", "instance_id": index})
    for name, value in values.items():
        envelope.gauge.metrics[name].value = value
    return envelope


def test_the_newest_gauge_of_each_instance_counts() -> None:
    other = gauge("0", cpu=99)
    other.tags["process_id"] = "another"
    found = newest(
        [other, gauge("0", cpu=50, memory=10), gauge("1", disk=7), gauge("0", cpu=1, log_rate=3), gauge("x", cpu=1)],
        "p",
    )
    assert found == {0: InstanceUsage(cpu=0.5, memory_bytes=10, log_rate=3), 1: InstanceUsage(disk_bytes=7)}


def test_users_are_looked_up_with_our_own_token_in_few_requests() -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        return httpx.Response(200, json={"resources": [{"id": "g1", "userName": "n", "origin": "ldap"}]})

    users = UaaUsers(httpx.Client(base_url="https://uaa", transport=httpx.MockTransport(answer)), "c", "s")
    assert users.names([f"g{number}" for number in range(150)]) == {"g1": UserName("g1", "n", "ldap")}
    assert [request.url.path for request in requests] == ["/oauth/token", "/ids/Users", "/ids/Users"]
    users.find('a"b', "uaa")
    assert requests[-1].url.params["filter"] == 'username eq "a\\"b" and origin eq "uaa"'
    assert requests[-1].headers["authorization"] == "bearer t"


def test_keys_are_fetched() -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json={"keys": [{"kid": "k"}]}))
    assert UaaKeys(httpx.Client(base_url="https://uaa", transport=transport)).fetch() == [{"kid": "k"}]
