"""Plain JSON wires against what the original components' own code wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cf_wire import garden, garden_metrics, garden_process, presence, rep, router
from cf_wire.plain import WireError, from_plain, to_plain

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_json.json").read_text())

KINDS: dict[str, Any] = {
    "cell_presence": presence.CellPresence,
    "bbs_presence": presence.BBSPresence,
    "task_callback": presence.TaskCallback,
    "cell_state": rep.CellState,
    "work": rep.Work,
    "empty_work": rep.Work,
    "lrp_update": rep.LRPUpdate,
    "container_metrics": rep.ContainerMetricsCollection,
    "lrp_start_request": tuple[rep.LRPStartRequest, ...],
    "task_start_request": tuple[rep.Task, ...],
    "container_spec": garden.ContainerSpec,
    "empty_container_spec": garden.ContainerSpec,
    "process_spec": garden_process.ProcessSpec,
    "empty_process_spec": garden_process.ProcessSpec,
    "payload_first": garden_process.ProcessPayload,
    "payload_stdin": garden_process.ProcessPayload,
    "payload_exit": garden_process.ProcessPayload,
    "payload_signal": garden_process.ProcessPayload,
    "container_info": garden.ContainerInfo,
    "bulk_info": dict[str, garden.InfoEntry],
    "metrics": garden_metrics.Metrics,
    "capacity": garden.Capacity,
    "garden_error": garden.GardenError,
}


def same(ours: Any, theirs: Any) -> bool:
    """Whether Go reads both alike: it writes null for a list or map that was never made."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(ours, float):
        return type(theirs) in {int, float} and ours == theirs
    return (type(ours) is type(theirs) and ours == theirs) or (theirs is None and ours in ([], {}, None))


def test_every_golden_object_has_a_kind() -> None:
    assert set(GOLDEN) == set(KINDS)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_original_json_is_read_and_written_again(name: str) -> None:
    written = to_plain(from_plain(KINDS[name], GOLDEN[name]))
    assert same(written, GOLDEN[name]), written


def test_a_cell_state_is_read() -> None:
    state = from_plain(rep.CellState, GOLDEN["cell_state"])
    assert (state.cell_id, state.cell_index, state.zone, state.proxy_memory_mb) == ("cell-1", 4, "z1", 32)
    assert state.available == rep.Resources(960, 1920, 249)
    assert state.rootfs_providers == {
        "preloaded": rep.RootFSProvider(frozenset({"cflinuxfs4"})),
        "docker": rep.RootFSProvider(),
    }
    [lrp] = state.lrps
    assert lrp.key == rep.LRPKey("pg-1", 2, "cf-apps")
    assert lrp.placement == rep.PlacementConstraint("preloaded:cflinuxfs4", ("seg",), ("nfs",))
    assert lrp.resource == rep.Resource(64, 128, 16)
    assert state.tasks[0].state == "Running"


def test_a_pointer_to_zero_is_written_and_no_pointer_is_not() -> None:
    assert to_plain(garden_process.ProcessPayload("p", exit_status=0)) == {"process_id": "p", "exit_status": 0}
    assert to_plain(garden.ICMPControl(8)) == {"type": 8}


def test_keys_in_another_case_are_read() -> None:
    assert from_plain(garden.NetIn, {"Host_Port": 1, "CONTAINER_PORT": 2}) == garden.NetIn(1, 2)


def test_a_route_is_written_as_routers_read_it() -> None:
    message = router.RegistryMessage(("a.example",), "10.0.0.1", 8080, private_instance_index="0", tags={"a": "b"})
    assert to_plain(message) == {
        "uris": ["a.example"],
        "host": "10.0.0.1",
        "port": 8080,
        "private_instance_index": "0",
        "tags": {"a": "b"},
    }
    assert from_plain(router.RegistryMessage, {**to_plain(message), "port": 8080, "more": 1}) == message


def test_a_router_says_how_often_it_wants_to_hear() -> None:
    assert to_plain(router.RouterStart("id", ("h",))) == {
        "id": "id",
        "hosts": ["h"],
        "minimumRegisterIntervalInSeconds": 20,
        "pruneThresholdInSeconds": 120,
    }


@dataclass(frozen=True)
class Point:
    """One of each sort of field."""

    x: int
    note: str = ""
    ratio: float = 0.0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "expected an object for Point"),
        ({}, "Point misses x"),
        ({"x": "1"}, "Point.x: expected int, got '1'"),
        ({"x": True}, "Point.x: expected int, got True"),
        ({"x": 1, "note": 5}, "Point.note: expected str, got 5"),
    ],
)
def test_what_does_not_fit_is_named(data: Any, said: str) -> None:
    with pytest.raises(WireError, match=said.replace("'", ".")):
        from_plain(Point, data)


def test_null_and_whole_numbers_are_taken_as_go_takes_them() -> None:
    assert from_plain(Point, {"x": 1, "note": None, "ratio": 2}) == Point(1, "", 2.0)


def test_an_unknown_provider_of_root_filesystems_is_refused() -> None:
    with pytest.raises(WireError, match="root filesystem provider"):
        from_plain(rep.CellState, {"cell_id": "c", "RootFSProviders": {"x": {"type": "other"}}})


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(garden.ImageRef("docker:///a", "u", "secret"))


def test_errors_carry_what_the_original_reads() -> None:
    assert to_plain(garden.process_not_found("p")) == GOLDEN["garden_error"]
    assert to_plain(garden.container_not_found("x")) == GOLDEN["bulk_info"]["x"]["Err"]
    kinds = [garden.executable_not_found("m"), garden.service_unavailable("m"), garden.unrecoverable("m")]
    assert [one.type for one in kinds] == ["ExecutableNotFoundError", "ServiceUnavailableError", "UnrecoverableError"]
