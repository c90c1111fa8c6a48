"""Run one command: bind its arguments with typer, give it a session, turn what it raises into lines and an exit code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import typer

from bosh.cli.globals import Globals
from bosh.cli.output import ui as output
from bosh.cli.registry import Entry
from bosh.cli.session import Session, SessionError
from bosh.clients.director import DirectorError, Unreachable
from bosh.wire.errors import BoshError, joined


def application(entry: Entry) -> typer.Typer:
    """The typer application behind a registry entry: its one command."""
    module = importlib.import_module(f"bosh.cli.commands.{entry.module}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = getattr(module, entry.name.replace("-", "_"))
    app.command(name=entry.name, help=entry.help)(function)
    return app


def run(entry: Entry, arguments: Sequence[str], flags: Globals) -> int:
    """The exit code: 0 for success, 1 for failure, or what the command asked for."""
    ui = output.make(
        as_json=flags.json,
        force_tty=flags.tty,
        color=not flags.no_color,
        interactive=not flags.non_interactive,
        columns=flags.column,
    )
    session = Session(flags, ui)
    code = _guarded(entry, arguments, session, ui)
    if code == 0:
        ui.line("Succeeded")
    ui.flush()
    return code


def _guarded(entry: Entry, arguments: Sequence[str], session: Session, ui: output.AnyUi) -> int:
    failure: str
    try:
        status = application(entry)(list(arguments), prog_name=f"bosh {entry.name}", standalone_mode=False, obj=session)
        return status if isinstance(status, int) else 0
    except typer.Exit as error:
        return error.exit_code
    except typer.TyperException as error:
        failure = error.format_message() if hasattr(error, "format_message") else str(error)
    except (KeyboardInterrupt, typer.Abort):
        failure = "Interrupted"
    except (DirectorError, Unreachable, SessionError, output.Refused) as error:
        failure = str(error)
    except BoshError as error:
        failure = joined(error)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        failure = str(error)
    ui.error(failure)
    ui.error("Exit code 1")
    return 1
