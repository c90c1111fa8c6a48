from __future__ import annotations

from pathlib import Path

import pytest
from cpi_kit.main import DEFAULT_THREADS, Options, UsageError, parse_arguments


def test_arguments(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"a": 1}')
    options = parse_arguments(["--config", str(file), "--serve", "--threads", "3", "list"])
    assert options == Options({"a": 1}, True, 3, ("list",))


def test_defaults() -> None:
    assert parse_arguments([]) == Options({}, False, DEFAULT_THREADS, ())


@pytest.mark.parametrize(
    "arguments", [["--config"], ["--config", "/nonexistent"], ["--threads", "0"], ["--threads", "x"]]
)
def test_refusals(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_arguments(arguments)


@pytest.mark.parametrize("content", ["", "[]", "a: 1"])
def test_configuration_must_be_a_json_object(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    with pytest.raises(UsageError, match="configuration"):
        parse_arguments(["--config", str(file)])
