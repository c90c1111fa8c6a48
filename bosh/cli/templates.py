"""Files with variables and ops files: what ``-v``, ``-l``, ``-o`` and their kin say (bosh-cli: cmd/opts: VarFlags, OpsFlags)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli.session import SessionError
from bosh.manifest import documents
from bosh.manifest.emit import dump
from bosh.manifest.interpolate import FirstFound, StaticVariables, Variables, evaluate
from bosh.manifest.patch import Operation, operations

Vars = Annotated[list[str] | None, typer.Option("--var", "-v", metavar="VAR=VALUE", help="Set variable")]
VarFiles = Annotated[
    list[str] | None, typer.Option("--var-file", metavar="VAR=PATH", help="Set variable to file contents")
]
VarsFiles = Annotated[
    list[Path] | None, typer.Option("--vars-file", "-l", metavar="PATH", help="Load variables from a YAML file")
]
VarsEnv = Annotated[
    list[str] | None, typer.Option("--vars-env", metavar="PREFIX", help="Load variables from environment variables")
]
VarsStore = Annotated[
    Path | None, typer.Option("--vars-store", metavar="PATH", help="Load/save variables from/to a YAML file")
]
OpsFiles = Annotated[
    list[Path] | None,
    typer.Option("--ops-file", "-o", metavar="PATH", help="Load manifest operations from a YAML file"),
]


def read_text(path: Path) -> str:
    """A file, or standard input for ``-``. Raises SessionError."""
    if str(path) == "-":
        return sys.stdin.read()
    try:
        return path.expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SessionError(f"cannot read '{path}': {getattr(error, 'strerror', None) or error}") from error


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise SessionError(f"Expected var '{text}' to be in format 'name=value' for flag '{flag}'")
    return name, value


def _value(text: str, source: str) -> Any:
    """As YAML; text stays exactly what was typed."""
    value = documents.load(text, source, allow_duplicates=True).value
    return text if isinstance(value, str) else value


def _map(path: Path) -> Mapping[str, Any]:
    value = documents.load(read_text(path), str(path), allow_duplicates=True).value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SessionError(f"Expected variables file '{path}' to be a map")
    return value


def _from_environment(prefix: str) -> dict[str, Any]:
    start = f"{prefix}_"
    return {
        name.removeprefix(start): _value(text, f"environment variable {name}")
        for name, text in os.environ.items()
        if name.startswith(start)
    }


def variables(
    var: Iterable[str] | None,
    var_file: Iterable[str] | None,
    vars_file: Iterable[Path] | None,
    vars_env: Iterable[str] | None,
    vars_store: Path | None,
) -> Variables:
    """All sources; the later kind wins: environment, files, single files, single values; the store is asked last.

    Raises:
        SessionError: a flag or a file that cannot be read.
    """
    given: dict[str, Any] = {}
    for prefix in vars_env or ():
        given |= _from_environment(prefix)
    for path in vars_file or ():
        given |= _map(path)
    for text in var_file or ():
        name, path_text = _pair(text, "--var-file")
        given[name] = read_text(Path(path_text))
    for text in var or ():
        name, value = _pair(text, "--var")
        given[name] = _value(value, f"variable {name}")
    sources: list[Variables] = [StaticVariables(given)]
    if vars_store is not None:
        from bosh.variables.file_store import FileStore

        sources.append(FileStore(vars_store.expanduser()))
    return FirstFound(sources)


def read_ops(paths: Iterable[Path] | None) -> list[Operation]:
    """All operations of some ops files, in order."""
    found: list[Operation] = []
    for path in paths or ():
        found += operations(documents.load(read_text(path), str(path), allow_duplicates=True).value, str(path))
    return found


def interpolated(path: Path, sources: Variables, ops: list[Operation]) -> str:
    """A template's text with ops applied and known variables put in; as written when there is nothing to do, so that line numbers in
    the director's answers are the person's own.
    """
    text = read_text(path)
    if not ops and not any(True for _ in sources.names()):
        return text
    return dump(evaluate(documents.load(text, str(path), allow_duplicates=True).value, sources, ops))
