"""What a director costs: deploys, questions and memory, with the fake cloud and agents that answer at once.

The original's figures for the same deployment, measured once on two cores, are in the last columns for comparison: they are not of this run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .conftest import Report
from .simulation import Measured, Simulation, manifest

_ORIGINAL = {
    ("fresh", 100): (34.7, 45.0),
    ("fresh", 500): (372.0, 323.0),
    ("nothing changed", 100): (5.2, 4.2),
    ("nothing changed", 500): (22.0, 20.7),
    ("vms", 100): (1.1, 0.74),
    ("vms", 500): (3.3, 3.1),
    ("property changed", 100): (10.7, 10.2),
    ("property changed", 500): (51.0, 61.0),
    ("delete", 100): (22.0, 10.0),
    ("delete", 500): (163.0, 155.0),
}
"""Wall seconds; CPU seconds of workers and database (one task, one worker)."""

_WORKERS_LEAVE_WITHIN_S = 32
"""A worker that has grown makes place for a fresh one."""

_COLUMNS = (
    "",
    "instances",
    "wall s",
    "director CPU s",
    "ms/instance",
    "ERB",
    "CPI",
    "bus",
    "agents",
    "original wall",
    "CPU",
)


def _row(what: str, count: int, measured: Measured) -> tuple[object, ...]:
    theirs = _ORIGINAL.get((what, count), ("", ""))
    return (
        what,
        count,
        measured.wall_s,
        measured.director_s,
        1000 * measured.director_s / count,
        measured.erb_s,
        measured.cpu_of("fake-cpi"),
        measured.cpu_of("nats-server"),
        measured.cpu_of("fake_agent"),
        *theirs,
    )


def test_deploys_and_questions(simulation: Simulation, report: Report) -> None:
    idle = _settled(simulation)
    simulation.deploy(manifest(2, name="first"))
    rows = []
    for count in (100, 200, 500):
        for what, action in _actions(simulation, count):
            rows.append(_row(what, count, simulation.measured(action)))
        if count == 500:
            used = simulation.memory()
        rows.append(_row("delete", count, simulation.measured(simulation.delete)))
        assert not simulation.vms_of("dep")
    report.table("Director: fake cloud, agents with connections of their own", _COLUMNS, rows)
    time.sleep(_WORKERS_LEAVE_WITHIN_S)
    again = simulation.memory()
    memory: list[tuple[object, ...]] = [(name, idle[name], used.get(name, 0.0), again.get(name, 0.0)) for name in idle]
    memory.append(("all", *(sum(each.values()) for each in (idle, used, again))))
    report.table("Memory, PSS in MiB", ("", "idle", "after 500 instances", "half a minute later"), memory)


def _actions(simulation: Simulation, count: int) -> list[tuple[str, Callable[[], object]]]:
    def change() -> None:
        simulation.deploy(manifest(count, port=81))

    def fresh() -> None:
        simulation.deploy(manifest(count))
        assert len(simulation.vms_of("dep")) == count

    return [
        ("fresh", fresh),
        ("nothing changed", lambda: simulation.deploy(manifest(count))),
        ("vms", lambda: simulation.task("GET", "/deployments/dep/vms?format=full")),
        ("property changed", change),
    ]


def _settled(simulation: Simulation) -> dict[str, float]:
    time.sleep(2)
    return simulation.memory()


def test_requests(simulation: Simulation, report: Report) -> None:
    simulation.deploy(manifest(100))
    paths = ("/info", "/deployments", "/deployments/dep", "/deployments/dep/instances", "/tasks?limit=30", "/events")
    rows = [(f"GET {path}", *_request(simulation, path)) for path in paths]
    simulation.delete()
    report.table("API, one client that keeps its connection, 100 instances", ("", "p50 ms", "director CPU ms"), rows)


def _request(simulation: Simulation, path: str, times: int = 100) -> tuple[float, float]:
    took = []

    def ask() -> None:
        for _ in range(times):
            began = time.monotonic()
            simulation.client.call("GET", path)
            took.append(time.monotonic() - began)

    measured = simulation.measured(ask)
    return 1000 * sorted(took)[times // 2], 1000 * measured.director_s / times
