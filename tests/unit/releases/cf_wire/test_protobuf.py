"""Messages against bytes that the original components' own code produced."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
from cf_wire import bbs_http
from cf_wire.bbs import actual_lrp_pb2, cells_pb2, desired_lrp_pb2, errors_pb2, events_pb2, task_pb2
from cf_wire.locket import locket_pb2, locket_pb2_grpc
from cf_wire.logcache import egress_pb2 as logcache_egress_pb2
from cf_wire.loggregator import egress_pb2, envelope_pb2
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

HERE = Path(__file__).parent
WIRE = Path(bbs_http.__file__).parents[1]
GOLDEN: dict[str, str] = json.loads((HERE / "golden_protobuf.json").read_text())

KINDS: dict[str, type[Message]] = {
    "desired_lrp": desired_lrp_pb2.DesiredLRP,
    "desire_lrp_request": desired_lrp_pb2.DesireLRPRequest,
    "scheduling_info": desired_lrp_pb2.DesiredLRPSchedulingInfo,
    "update_request": desired_lrp_pb2.UpdateDesiredLRPRequest,
    "actual_lrp": actual_lrp_pb2.ActualLRP,
    "actual_lrp_unclaimed": actual_lrp_pb2.ActualLRP,
    "actual_lrps_response": actual_lrp_pb2.ActualLRPsResponse,
    "actual_lrps_request": actual_lrp_pb2.ActualLRPsRequest,
    "start_request": actual_lrp_pb2.StartActualLRPRequest,
    "evacuate_running_request": actual_lrp_pb2.EvacuateRunningActualLRPRequest,
    "evacuation_response": actual_lrp_pb2.EvacuationResponse,
    "changed_event": events_pb2.ActualLRPInstanceChangedEvent,
    "crashed_event": events_pb2.ActualLRPCrashedEvent,
    "task": task_pb2.Task,
    "desire_task_request": task_pb2.DesireTaskRequest,
    "upsert_domain_request": cells_pb2.UpsertDomainRequest,
    "error": errors_pb2.Error,
    "cells_response": cells_pb2.CellsResponse,
    "log": envelope_pb2.Envelope,
    "batch": envelope_pb2.EnvelopeBatch,
    "egress_request": egress_pb2.EgressBatchRequest,
}


def read(name: str) -> Message:
    message = KINDS[name]()
    message.ParseFromString(bytes.fromhex(GOLDEN[name]))
    return message


def unknown_fields(message: Message) -> list[str]:
    found = [f"{message.DESCRIPTOR.name}#{one.field_number}" for one in cast("Iterable[Any]", UnknownFieldSet(message))]
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            children = [one for one in value.values() if isinstance(one, Message)]
        else:
            children = list(value) if descriptor.is_repeated else [value]
        found += [one for child in children for one in unknown_fields(child)]
    return found


def test_every_golden_message_has_a_kind() -> None:
    assert set(GOLDEN) == set(KINDS)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_original_bytes_are_understood_and_written_again(name: str) -> None:
    message = read(name)
    assert unknown_fields(message) == []
    written = message.SerializeToString(deterministic=True)
    if name == "log":
        # Go's newer encoder puts what is in a oneof last; a reader sees no difference.
        assert (len(written), KINDS[name].FromString(written)) == (len(GOLDEN[name]) // 2, message)
    else:
        assert written.hex() == GOLDEN[name]


def test_a_desired_lrp_is_read_field_by_field() -> None:
    lrp = desired_lrp_pb2.DesiredLRP.FromString(bytes.fromhex(GOLDEN["desired_lrp"]))
    assert (lrp.process_guid, lrp.domain, lrp.root_fs, lrp.instances) == (
        "pg-1",
        "cf-apps",
        "preloaded:cflinuxfs4",
        3,
    )
    assert json.loads(lrp.routes.routes["cf-router"]) == [{"hostnames": ["a.example"], "port": 8080}]
    download = lrp.setup.serial_action.actions[0].download_action
    assert (download.cache_key, download.checksum_algorithm) == ("k", "sha256")
    timeout = lrp.action.codependent_action.actions[1].timeout_action
    assert timeout.timeout_ms == 5000
    upload = timeout.action.try_action.action.parallel_action.actions[0].upload_action
    assert (upload.to, upload.user) == ("http://u", "vcap")
    assert lrp.monitor.emit_progress_action.failure_message_prefix == "bad"
    run = lrp.sidecars[0].action.run_action
    assert (run.path, list(run.args)) == ("/tmp/lifecycle/launcher", ["app", "", "{}"])
    assert (run.resource_limits.nofile, run.suppress_log_output) == (16384, True)
    assert list(lrp.ports) == [8080, 2222]
    assert [rule.protocol for rule in lrp.egress_rules] == ["tcp", "icmp", "udp"]
    assert lrp.egress_rules[1].icmp_info.type == -1
    assert lrp.check_definition.checks[0].http_check.path == "/health"
    assert lrp.check_definition.readiness_checks[0].tcp_check.connect_timeout_ms == 5
    layer = lrp.image_layers[0]
    assert (layer.Type.Name(layer.layer_type), layer.MediaType.Name(layer.media_type)) == ("EXCLUSIVE", "TGZ")
    tag = lrp.metric_tags["process_instance_id"]
    assert tag.DynamicValue.Name(tag.dynamic) == "INSTANCE_GUID"
    assert lrp.log_rate_limit.bytes_per_second == -1
    assert (list(lrp.PlacementTags), lrp.max_pids) == (["seg"], 1024)
    assert lrp.UpdateStrategy.Name(lrp.update_strategy) == "RECREATE"
    assert (lrp.modification_tag.epoch, lrp.modification_tag.index) == ("ep", 7)


def test_an_unclaimed_instance_written_here_has_the_original_bytes() -> None:
    lrp = actual_lrp_pb2.ActualLRP(
        actual_lrp_key={"process_guid": "pg-1", "index": 2, "domain": "cf-apps"}, state=bbs_http.UNCLAIMED, since=5
    )
    # The original always writes these three, even empty.
    for embedded in ("actual_lrp_instance_key", "actual_lrp_net_info", "modification_tag"):
        getattr(lrp, embedded).SetInParent()
    assert lrp.SerializeToString().hex() == GOLDEN["actual_lrp_unclaimed"]


def test_a_zero_that_was_said_differs_from_nothing_said() -> None:
    update = desired_lrp_pb2.UpdateDesiredLRPRequest.FromString(bytes.fromhex(GOLDEN["update_request"])).update
    assert update.WhichOneof("optional_instances") == "instances"
    assert update.instances == 0
    assert update.WhichOneof("optional_annotation") == "annotation"
    assert update.WhichOneof("optional_image_username") is None


def test_an_instance_s_routability_is_read() -> None:
    lrp = actual_lrp_pb2.ActualLRP.FromString(bytes.fromhex(GOLDEN["actual_lrp"]))
    assert (lrp.WhichOneof("optional_routable"), lrp.routable) == ("routable", False)
    assert lrp.Presence.Name(lrp.presence) == "SUSPECT"
    mapping = lrp.actual_lrp_net_info.ports[0]
    assert (
        mapping.host_port,
        mapping.container_port,
        mapping.host_tls_proxy_port,
        mapping.container_tls_proxy_port,
    ) == (
        61000,
        8080,
        61001,
        61443,
    )


def test_an_envelope_is_read() -> None:
    log = envelope_pb2.Envelope.FromString(bytes.fromhex(GOLDEN["log"]))
    assert (log.WhichOneof("message"), log.log.payload, log.log.type) == ("log", b"hi", envelope_pb2.Log.ERR)
    batch = envelope_pb2.EnvelopeBatch.FromString(bytes.fromhex(GOLDEN["batch"]))
    assert [one.WhichOneof("message") for one in batch.batch] == ["counter", "gauge", "timer", "event"]
    assert batch.batch[1].gauge.metrics["cpu"].value == 0.25


def test_the_services_have_their_original_names() -> None:
    assert locket_pb2.DESCRIPTOR.services_by_name["Locket"].full_name == "models.Locket"
    assert logcache_egress_pb2.DESCRIPTOR.services_by_name["Egress"].full_name == "logcache.v1.Egress"
    assert egress_pb2.DESCRIPTOR.services_by_name["Egress"].full_name == "loggregator.v2.Egress"
    assert hasattr(locket_pb2_grpc, "LocketStub")


def test_the_bbs_paths_are_told_apart() -> None:
    paths = [call.path for call in bbs_http.CALLS]
    assert len(set(paths)) == len(paths) == 44


def test_an_event_survives_its_stream() -> None:
    event = read("changed_event")
    number, name, data, *_ = bbs_http.event_frame(7, event).decode().split("\n")
    assert (number, name) == ("id: 7", "event: actual_lrp_instance_changed")
    assert bbs_http.read_event("actual_lrp_instance_changed", data.removeprefix("data: ")) == event


@pytest.mark.slow
def test_generating_again_gives_the_same_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, WIRE / "generate.py", tmp_path], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    made = {path.relative_to(tmp_path): path.read_text() for path in (tmp_path / "cf_wire").rglob("*_pb2*.py*")}
    kept = {
        path.relative_to(WIRE): path.read_text()
        for path in (WIRE / "cf_wire").rglob("*_pb2*.py*")
        if path.suffix in {".py", ".pyi"}
    }
    assert len(made) > 30
    assert made == kept
