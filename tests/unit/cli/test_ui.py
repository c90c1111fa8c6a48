"""What stands apart, and what each reader gets."""

from __future__ import annotations

import io
import json

import pytest

from bosh.cli.failures import SessionError, UsageError, chain_of, doing
from bosh.cli.output.table import Table
from bosh.cli.output.ui import JsonUi, PeopleUi, PipeUi, Refused
from bosh.cli.output.values import binary, thousands, yaml_of
from bosh.clients.director import DirectorError, Unreachable

ROWS = Table("things", ("A",), (("x",),))


def people(kind=PeopleUi, **options):
    out = io.StringIO()
    return kind(**{"out": out, "err": out, "color": False, "interactive": False, "columns": (), **options}), out


def test_lines_and_tables_stand_apart_and_running_text_does_not():
    ui, out = people()
    ui.line("one")
    ui.begin("Task 1")
    ui.end(". Done")
    ui.table(ROWS)
    ui.line("Succeeded")
    assert out.getvalue() == "one\n\nTask 1. Done\n\nA  \nx  \n\n1 things\n\nSucceeded\n"


def test_a_pipe_gets_data_and_errors():
    ui, out = people(PipeUi)
    ui.line("one")
    ui.begin("Task 1")
    ui.block("data\n")
    ui.table(ROWS)
    ui.error("no")
    assert out.getvalue() == "data\n\nx\t\n\nno\n"


def test_json_gathers_everything():
    out = io.StringIO()
    ui = JsonUi(out=out, interactive=False, columns=())
    ui.begin("Task 1")
    ui.end(". Done")
    ui.block("data")
    ui.table(ROWS)
    ui.flush()
    body = json.loads(out.getvalue())
    assert (body["Lines"], body["Blocks"]) == (["Task 1", ". Done"], ["data"])
    assert body["Tables"] == [{"Content": "things", "Header": {"a": "A"}, "Rows": [{"a": "x"}], "Notes": None}]


def test_an_unknown_column_is_named_and_the_others_are_shown():
    ui, out = people(columns=("nope", "a"))
    ui.table(ROWS)
    assert out.getvalue() == "\nFailed to find header: nope\nA  \nx  \n\n1 things\n"


def test_nobody_is_asked_when_nobody_can_answer(monkeypatch):
    ui, _ = people()
    ui.confirm()
    with pytest.raises(Refused, match="non-interactive"):
        ui.ask("Username")
    asking, out = people(interactive=True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(Refused, match="Stopped"):
        asking.confirm()
    assert out.getvalue() == "Continue? [yN]: n\n"
    with pytest.raises(Refused, match="JSON"):
        JsonUi(out=io.StringIO(), interactive=True, columns=()).confirm()


def test_a_choice_is_asked_until_it_is_one(monkeypatch):
    ui, out = people(interactive=True)
    monkeypatch.setattr("sys.stdin", io.StringIO("7\n2\n"))
    assert ui.choose("Which?", ["a", "b"]) == 1
    assert out.getvalue().startswith("1: a\n2: b\nWhich? (1): ")


def test_causes_are_set_in():
    refusal = DirectorError(404, 70000, "no", '{"code":70000}')
    with pytest.raises(SessionError) as caught, doing("Fetching manifest"), doing("Finding deployment 'd'"):
        raise refusal
    assert str(caught.value) == (
        "Fetching manifest:\n  Finding deployment 'd':\n"
        "    Director responded with non-successful status code '404' response '{\"code\":70000}'"
    )
    assert chain_of(Unreachable("refused", "GET 'https://d'")) == ("Performing request GET 'https://d'", "refused")


def test_what_is_wrong_with_the_line_has_no_circumstances():
    with pytest.raises(UsageError, match=r"^bad$"), doing("anything"):
        raise UsageError("bad")


@pytest.mark.parametrize(
    ("count", "decimal", "of_two"),
    [
        (0, "0 B", "0 B"),
        (999, "999 B", "999 B"),
        (1_000_000, "1.0 MB", "977 KiB"),
        (1 << 30, "1.1 GB", "1.0 GiB"),
        (20 << 30, "22 GB", "20 GiB"),
    ],
)
def test_sizes(count, decimal, of_two):
    assert (thousands(count), binary(count)) == (decimal, of_two)


def test_values_in_cells_are_yaml():
    assert yaml_of({"b": 1, "a": [2]}) == "a:\n- 2\nb: 1"
    assert yaml_of({}) == yaml_of(None) == ""
