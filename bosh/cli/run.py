"""Run one command: bind its arguments with typer, give it a session, turn what it raises into lines and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from bosh.cli import globals as global_flags
from bosh.cli.arguments import Flag, Given
from bosh.cli.failures import SessionError, UsageError, chain_of, nested
from bosh.cli.globals import Globals, Line
from bosh.cli.output import ui as output
from bosh.cli.registry import Entry
from bosh.cli.session import Session
from bosh.clients.director import DirectorError, Unreachable
from bosh.wire.errors import BoshError


def application(entry: Entry) -> typer.Typer:
    """The typer application behind a registry entry: its one command."""
    module = importlib.import_module(f"bosh.cli.commands.{entry.module}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = getattr(module, entry.name.replace("-", "_"))
    app.command(name=entry.name, help=f"{entry.help}\n\nhttps://bosh.io/docs/cli-v2#{entry.name}")(function)
    return app


def flags_of(entry: Entry, parameters: Sequence[Any]) -> list[Flag]:
    """The flags of a command's parameters, with what typer does not know about them: values that may be left out."""
    implied = dict(entry.implied)
    return [
        Flag(tuple(one.opts), takes_value=not one.is_flag, implied=implied.get(one.opts[0]), required=one.required)
        for one in parameters
        if one.param_type_name == "option"
    ]


def respelled(entry: Entry, parameters: Sequence[Any], line: Line) -> list[str]:
    """The command's part of the line as typer reads it.

    Raises:
        UsageError: something that is required is missing, or there is something too much.
    """
    flags, places = flags_of(entry, parameters), [one for one in parameters if one.param_type_name == "argument"]
    seen = {item.flag for item in line.own}
    missing = sorted(f"`{flag}'" for flag in flags if flag.required and flag not in seen)
    if missing:
        raise UsageError(_is_missing("flag", missing, "specified"))
    lacking = [f"`{one.metavar or one.name.upper()}`" for one in places[len(line.words) :] if one.required]
    if lacking:
        raise UsageError(_is_missing("argument", lacking, "provided"))
    extra = line.words[len(places) :] if all(one.nargs == 1 for one in places) else ()
    if extra:
        raise UsageError(f"Command '{entry.name}' does not support extra arguments: {', '.join(extra)}")
    return [*map(_spelled, line.own), "--", *line.words]


def _is_missing(kind: str, names: list[str], what: str) -> str:
    if len(names) == 1:
        return f"the required {kind} {names[0]} was not {what}"
    return f"the required {kind}s {', '.join(names[:-1])} and {names[-1]} were not {what}"


def _spelled(item: Given) -> str:
    assert item.flag is not None
    return f"{item.flag.name}={item.value}" if item.flag.takes_value else item.flag.name


def _log(level: str) -> None:
    """Say more on stderr when ``BOSH_LOG_LEVEL`` asks for it. Raises UsageError."""
    if not level:
        return
    import logging

    if level.lower() not in {"debug", "info", "warn", "error", "none"}:
        raise UsageError(
            "Invalid BOSH_LOG_LEVEL value",
            f"Unknown LogLevel string '{level}', expected one of [DEBUG, INFO, WARN, ERROR, NONE]",
        )
    if level.lower() != "none":
        target = os.environ.get("BOSH_LOG_PATH")
        form = "[%(name)s] %(asctime)s %(levelname)s - %(message)s"
        logging.basicConfig(filename=target, format=form, level=level.upper().replace("WARN", "WARNING"))


def run(entry: Entry, words: Sequence[str], defaults: Globals) -> int:
    """The exit code: 0 for success, 1 for failure, or what the command asked for."""
    try:
        _log(os.environ.get("BOSH_LOG_LEVEL", ""))
        command = typer.main.get_command(application(entry))
        line = global_flags.extract(words, defaults, flags_of(entry, command.params))
        if line.wants_version:
            from bosh.cli.main import main

            main(["--version"])
            return 0
        arguments = ["--help"] if line.wants_help else respelled(entry, command.params, line)
    except UsageError as error:
        return _misread(error)
    ui = _ui(line.flags)
    session = Session(line.flags, ui)
    try:
        code = _guarded(command, entry, arguments, session, ui)
    except UsageError as error:
        return _misread(error)
    if code == 0:
        ui.line("Succeeded")
    ui.flush()
    return code


def _ui(flags: Globals) -> output.AnyUi:
    return output.make(
        as_json=flags.json,
        force_tty=flags.tty,
        color=not flags.no_color,
        interactive=not flags.non_interactive,
        columns=flags.column,
    )


def _misread(error: UsageError) -> int:
    """What is wrong with a command line is told in plain words, whatever it asks for (bosh-cli: main.go)."""
    ui = output.make(as_json=False, force_tty=True, color=False, interactive=False, columns=())
    ui.error(str(error))
    ui.error("Exit code 1")
    return 1


def _guarded(command: Any, entry: Entry, arguments: Sequence[str], session: Session, ui: output.AnyUi) -> int:
    failure: str
    try:
        status = command(list(arguments), prog_name=f"bosh {entry.name}", standalone_mode=False, obj=session)
        return status if isinstance(status, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except typer.TyperException as error:
        raise UsageError(_invalid(error)) from error
    except (KeyboardInterrupt, typer.Abort):
        failure = "Interrupted"
    except UsageError:
        raise
    except (DirectorError, Unreachable, SessionError, BoshError) as error:
        failure = nested(chain_of(error))
    except output.Refused as error:
        failure = str(error)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        failure = str(error)
    ui.error(failure)
    ui.error("Exit code 1")
    ui.flush()
    return 1


def _invalid(error: Any) -> str:
    """What typer says about a value, as the original would."""
    parameter = getattr(error, "param", None)
    reason = str(getattr(error, "message", error))
    if parameter is None:
        return reason
    if parameter.param_type_name == "argument":
        return f"invalid argument `{parameter.metavar or parameter.name.upper()}': {reason}"
    return f"invalid argument for flag `{Flag(tuple(parameter.opts))}': {reason}"
