"""How a command's words reach its function."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from bosh.cli.arguments import Argument, Command, Context, Option, UsageError


def made(
    context: Context,
    path: Annotated[Path, Argument(metavar="PATH", help="Where to")],
    count: Annotated[int, Argument()] = 3,
    rest: Annotated[list[str] | None, Argument(metavar="REST...")] = None,
    force: Annotated[bool, Option("--force", "-f", help="Do it anyway")] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", envvar="MADE_QUIET")] = False,
    names: Annotated[list[str] | None, Option("--name", "-n", metavar="NAME")] = None,
    where: Annotated[Path, Option("--dir", "-d", envvar="MADE_DIR")] = Path(),
    size: Annotated[int, Option("--size")] = 0,
) -> dict[str, Any]:
    assert context.session == "session"
    values: dict[str, Any] = {"path": path, "count": count, "rest": rest, "force": force, "quiet": quiet}
    return values | {"names": names, "where": where, "size": size}


COMMAND = Command(made, name="make", help="Make it")


def called(*words: str) -> dict[str, Any]:
    result: dict[str, Any] = COMMAND(words, "session")
    return result


DEFAULTS = {"count": 3, "rest": None, "force": False, "quiet": False, "names": None, "where": Path(), "size": 0}


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["p"], {}),
        (["-"], {"path": Path("-")}),
        (["p", "4"], {"count": 4}),
        (["p", "4", "a", "b"], {"count": 4, "rest": ["a", "b"]}),
        (["--force", "p"], {"force": True}),
        (["p", "-fq"], {"force": True, "quiet": True}),
        (["p", "--force=false"], {"force": False}),
        (["-n", "a", "p", "--name=b=c", "-nd", "-n=e"], {"names": ["a", "b=c", "d", "e"]}),
        (["p", "-fn", "a"], {"force": True, "names": ["a"]}),
        (["p", "--size", "-1"], {"size": -1}),
        (["p", "--size", "1", "--size=2"], {"size": 2}),
        (["--name", "", "p"], {"names": [""]}),
        (["p", "1", "--", "-f", "--size"], {"count": 1, "rest": ["-f", "--size"]}),
    ],
)
def test_words_become_values(words: list[str], values: dict[str, Any]) -> None:
    assert called(*words) == {"path": Path("p"), **DEFAULTS, **values}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument 'PATH'."),
        (["p", "x"], "Invalid value for 'COUNT': 'x' is not a valid integer."),
        (["p", "--size", "x"], "Invalid value for '--size': 'x' is not a valid integer."),
        (["p", "--force=perhaps"], "Invalid value for '-f / --force': 'perhaps' is not a valid boolean."),
        (["p", "--siz"], "No such option: --siz Did you mean --size?"),
        (["p", "-x"], "No such option: -x"),
        (["p", "--size"], "Option '--size' requires an argument."),
    ],
)
def test_what_does_not_fit(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        called(*words)
    assert str(caught.value) == message


def test_too_many_words() -> None:
    def one(context: Context, name: Annotated[str, Argument()]) -> None:
        raise AssertionError(name)

    with pytest.raises(UsageError, match=r"Got unexpected extra arguments \(b c\)"):
        Command(one, name="one", help="")(["a", "b", "c"], None)


def test_a_flag_without_a_default_must_be_given() -> None:
    def one(context: Context, name: Annotated[str, Option("--name")]) -> str:
        return name

    with pytest.raises(UsageError, match="Missing option '--name'"):
        Command(one, name="one", help="")([], None)
    assert Command(one, name="one", help="")(["--name", "x"], None) == "x"


def test_the_environment_gives_what_the_command_line_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE_DIR", "/e")
    monkeypatch.setenv("MADE_QUIET", "yes")
    assert (called("p")["where"], called("p")["quiet"]) == (Path("/e"), True)
    assert called("p", "--dir", "/d")["where"] == Path("/d")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND(["--nope", "--help"][1:], None) == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage: bosh make [OPTIONS] PATH [COUNT] [REST...]\n\n  Make it\n")
    assert "  --force, -f                   Do it anyway\n" in text
    assert "  --name, -n NAME\n" in text
