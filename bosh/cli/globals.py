"""Global flags, accepted before and after the command (bosh-cli: cmd/opts/opts.go).

A flag counts as global wherever it stands, unless the command has a flag of the same name (``--version``, ``-v``: only before it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bosh.cli.arguments import Flag, Given, by_name, read
from bosh.cli.failures import UsageError

FIELDS: dict[Flag, str] = {
    Flag(("--config",)): "config",
    Flag(("--environment", "-e")): "environment",
    Flag(("--ca-cert",)): "ca_cert",
    Flag(("--sha2",), takes_value=False): "sha2",
    Flag(("--parallel",)): "parallel",
    Flag(("--client",)): "client",
    Flag(("--client-secret",)): "client_secret",
    Flag(("--deployment", "-d")): "deployment",
    Flag(("--column",)): "column",
    Flag(("--json",), takes_value=False): "json",
    Flag(("--tty",), takes_value=False): "tty",
    Flag(("--no-color",), takes_value=False): "no_color",
    Flag(("--non-interactive", "-n"), takes_value=False): "non_interactive",
}
VERSION = Flag(("--version", "-v"), takes_value=False)
HELP = Flag(("--help", "-h"), takes_value=False)
FLAGS = by_name((*FIELDS, VERSION, HELP))
_SWITCHES = frozenset(name for flag, name in FIELDS.items() if not flag.takes_value)
ENVIRONMENT = {
    "config": "BOSH_CONFIG",
    "environment": "BOSH_ENVIRONMENT",
    "ca_cert": "BOSH_CA_CERT",
    "client": "BOSH_CLIENT",
    "client_secret": "BOSH_CLIENT_SECRET",
    "deployment": "BOSH_DEPLOYMENT",
    "sha2": "BOSH_SHA2",
    "tty": "BOSH_TTY",
    "non_interactive": "BOSH_NON_INTERACTIVE",
}


@dataclass(frozen=True, slots=True)
class Globals:
    """Values of the global flags; text ones are empty when not given."""

    config: str = "~/.bosh/config"
    environment: str = ""
    ca_cert: str = ""
    client: str = ""
    client_secret: str = ""
    deployment: str = ""
    parallel: int = 5
    column: tuple[str, ...] = field(default=())
    sha2: bool = False
    json: bool = False
    tty: bool = False
    no_color: bool = False
    non_interactive: bool = False


def _switched(variable: str, text: str) -> bool:
    """Raises UsageError."""
    if text in {"1", "t", "T", "true", "TRUE", "True", "yes", "on"}:
        return True
    if text in {"0", "f", "F", "false", "FALSE", "False", "no", "off"}:
        return False
    raise UsageError(f"invalid value of environment variable {variable} (expected bool): '{text}'")


def from_environment(environ: Mapping[str, str]) -> Globals:
    """Defaults out of ``BOSH_…`` variables. Raises UsageError."""
    given: dict[str, object] = {}
    for name, variable in ENVIRONMENT.items():
        if text := environ.get(variable):
            given[name] = _switched(variable, text) if name in _SWITCHES else text
    return replace(Globals(), **given)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Line:
    """A command line taken apart."""

    flags: Globals
    words: tuple[str, ...] = ()
    own: tuple[Given, ...] = ()
    """Flags of the command."""
    wants_version: bool = False
    wants_help: bool = False


def extract(words: Sequence[str], defaults: Globals, own: Sequence[Flag] = ()) -> Line:
    """Take the global flags out of a command line.

    Args:
        words: of the whole line, or what comes after the command.
        own: the command's flags.

    Raises:
        UsageError: it cannot be read.
    """
    given: dict[str, object] = {}
    columns: list[str] = list(defaults.column)
    rest: list[str] = []
    mine: list[Given] = []
    for item in read(words, FLAGS | by_name(own)):
        name = FIELDS.get(item.flag) if item.flag is not None else None
        if item.flag is None:
            rest.append(item.value)
        elif item.flag in {VERSION, HELP}:
            return Line(defaults, wants_version=item.flag == VERSION, wants_help=item.flag == HELP)
        elif name is None:
            mine.append(item)
        elif name == "column":
            columns.append(item.value)
        else:
            given[name] = _value(item, name)
    flags = replace(defaults, column=tuple(columns), **given)  # type: ignore[arg-type]
    return Line(flags, tuple(rest), tuple(mine))


def _value(item: Given, name: str) -> object:
    if name in _SWITCHES:
        return True
    if name != "parallel":
        return item.value
    try:
        return int(item.value)
    except ValueError:
        raise UsageError(f"invalid argument for flag `{item.flag}' (expected int): '{item.value}'") from None


def split(words: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """(words before the command, the command or nothing, words after it). Raises UsageError."""
    pending = list(words)
    before: list[str] = []
    while pending:
        if pending[0] == "--" or not (pending[0].startswith("-") and len(pending[0]) > 1):
            break
        for count in (1, 2):
            if _complete(pending[:count]):
                break
        before += pending[:count]
        del pending[:count]
    pending = pending[1:] if pending[:1] == ["--"] else pending
    return before, pending[0] if pending else "", pending[1:]


def _complete(words: Sequence[str]) -> bool:
    """Whether a flag has its value. What cannot be read at all is told about later."""
    try:
        return bool(list(read(words, FLAGS)))
    except UsageError as error:
        return not str(error).startswith("expected argument")
