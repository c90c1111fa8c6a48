"""Measurements print tables; nothing timed is asserted. What is asserted is that the work measured was done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bosh.testing.fake_bus import nats_server_program

from .simulation import Simulation

_TABLES = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.bench)
            item.add_marker(pytest.mark.timeout(300))


class Report:
    """Tables that are printed when all measurements are done."""

    def __init__(self, tables: list[str]) -> None:
        self._tables = tables

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Numbers are rounded to what can be repeated."""
        cells = [list(columns), *([_text(cell) for cell in row] for row in rows)]
        widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
        lines = [
            "  ".join(_padded(cell, width, at) for at, (cell, width) in enumerate(zip(row, widths, strict=True)))
            for row in cells
        ]
        self._tables.append("\n".join([title, *(f"  {line}" for line in lines)]))


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return (
            f"{cell:.0f}"
            if cell >= 100
            else f"{cell:.1f}"
            if cell >= 10
            else f"{cell:.2f}"
            if cell >= 0.1
            else f"{cell:.3f}"
        )
    return str(cell)


def _padded(cell: str, width: int, at: int) -> str:
    return cell.ljust(width) if at == 0 else cell.rjust(width)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    return Report(request.config.stash.setdefault(_TABLES, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tables = config.stash.get(_TABLES, [])
    if tables:
        load = "  ".join(f"{value:.1f}" for value in os.getloadavg())
        terminalreporter.section(f"measured, {os.cpu_count()} cores, load {load}")
        terminalreporter.write_line("\n\n".join(tables))


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    if nats_server_program() is None:
        pytest.skip("needs nats-server")
    made = Simulation(tmp_path_factory.mktemp("director"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def go_cli() -> str:
    """The original's command line, where there is one; else empty."""
    return os.environ.get("BOSH_GO_CLI", "")
