"""Files with variables and ops files: what ``-v``, ``-l``, ``-o`` and their kin say (bosh-cli: cmd/opts: VarFlags, OpsFlags)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bosh.cli.failures import UsageError, flagged
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


def read_bytes(path: str | Path) -> bytes:
    """A file, or standard input for ``-``. Raises UsageError."""
    if str(path) == "-":
        return sys.stdin.buffer.read()
    if not str(path):
        raise UsageError("Expected file path to be non-empty")
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"Opening file {path}", f"open {path}: {reason}") from error


def read_text(path: str | Path) -> str:
    """A file, or standard input for ``-``. Raises UsageError."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"Opening file {path}", f"it is not UTF-8: {error}") from error


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        with flagged(flag):
            raise UsageError(f"Expected var '{text}' to be in format 'name=value'")
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
        raise UsageError(f"Expected variables file '{path}' to be a map")
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
        UsageError: a flag or a file that cannot be read.
    """
    given: dict[str, Any] = {}
    for prefix in vars_env or ():
        with flagged("--vars-env"):
            given |= _from_environment(prefix)
    for path in vars_file or ():
        with flagged("-l, --vars-file", f"Reading variables file '{path}'"):
            given |= _map(path)
    for text in var_file or ():
        name, path_text = _pair(text, "--var-file")
        with flagged("--var-file", f"Reading variable from file '{path_text}'"):
            given[name] = read_text(path_text)
    for text in var or ():
        name, value = _pair(text, "-v, --var")
        with flagged("-v, --var", f"Deserializing variables '{text}'"):
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
        with flagged("-o, --ops-file", f"Reading ops file '{path}'"):
            found += operations(documents.load(read_text(path), str(path), allow_duplicates=True).value, str(path))
    return found


@dataclass(frozen=True, slots=True)
class Template:
    """A file with everything that is to be put into it."""

    source: str
    text: str
    variables: Variables
    ops: list[Operation]
    makes_variables: bool = False
    """Whether what is missing is generated."""

    @classmethod
    def read(
        cls,
        path: str | Path,
        var: Iterable[str] | None,
        var_file: Iterable[str] | None,
        vars_file: Iterable[Path] | None,
        vars_env: Iterable[str] | None,
        vars_store: Path | None,
        ops_file: Iterable[Path] | None,
    ) -> Template:
        """Raises UsageError: a file or a flag cannot be read."""
        sources = variables(var, var_file, vars_file, vars_env, vars_store)
        return cls(str(path), read_text(path), sources, read_ops(ops_file), vars_store is not None)

    def evaluated(self) -> str:
        """With ops applied and known variables put in; as written when there is nothing to do, so that line numbers in the director's
        answers are the person's own. Raises BoshError.
        """
        if not (self.ops or self.makes_variables or any(True for _ in self.variables.names())):
            return self.text
        return dump(
            evaluate(documents.load(self.text, self.source, allow_duplicates=True).value, self.variables, self.ops)
        )
