"""Global flags, accepted before and after the command (bosh-cli: cmd/opts/opts.go).

A flag counts as global wherever it stands, unless the command has a flag of the same name (``--version``, ``-v``: only before it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

VALUES = {
    "--config": "config",
    "--environment": "environment",
    "-e": "environment",
    "--ca-cert": "ca_cert",
    "--parallel": "parallel",
    "--client": "client",
    "--client-secret": "client_secret",
    "--deployment": "deployment",
    "-d": "deployment",
    "--column": "column",
}
SWITCHES = {
    "--sha2": "sha2",
    "--json": "json",
    "--tty": "tty",
    "--no-color": "no_color",
    "--non-interactive": "non_interactive",
    "-n": "non_interactive",
}
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


class UsageError(Exception):
    """The command line cannot be read."""


@dataclass(frozen=True, slots=True)
class Globals:
    """Values of the global flags; text ones are empty when not given."""

    config: str = "~/.bosh/config"
    environment: str = ""
    ca_cert: str = ""
    client: str = ""
    client_secret: str = ""
    deployment: str = ""
    parallel: str = "5"
    column: tuple[str, ...] = field(default=())
    sha2: bool = False
    json: bool = False
    tty: bool = False
    no_color: bool = False
    non_interactive: bool = False


def _truthy(text: str) -> bool:
    return text.strip().lower() in {"1", "t", "true", "yes", "y", "on"}


def from_environment(environ: Mapping[str, str]) -> Globals:
    """Defaults out of ``BOSH_…`` variables."""
    given: dict[str, object] = {}
    for name, variable in ENVIRONMENT.items():
        if environ.get(variable):
            given[name] = _truthy(environ[variable]) if name in SWITCHES.values() else environ[variable]
    return replace(Globals(), **given)  # type: ignore[arg-type]


def extract(arguments: Sequence[str], defaults: Globals) -> tuple[Globals, list[str]]:
    """Take the global flags out of a command line; the rest keeps its order.

    Raises:
        UsageError: a flag that needs a value has none.
    """
    given: dict[str, object] = {}
    columns: list[str] = list(defaults.column)
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        token = pending.pop(0)
        if token == "--":
            rest.extend((token, *pending))
            break
        for part in _split(token):
            flag, equals, value = part.partition("=") if part.startswith("--") else (part[:2], part[2:3], part[2:])
            if flag in SWITCHES and not equals:
                given[SWITCHES[flag]] = True
            elif flag in VALUES:
                if not equals:
                    if not pending:
                        raise UsageError(f"expected argument for flag '{flag}'")
                    value = pending.pop(0)
                elif not flag.startswith("--") and value.startswith("="):
                    value = value[1:]
                if flag == "--column":
                    columns.append(value)
                else:
                    given[VALUES[flag]] = value
            else:
                rest.append(part)
    return replace(defaults, column=tuple(columns), **given), rest  # type: ignore[arg-type]


def _split(token: str) -> list[str]:
    """``-nd`` is ``-n -d``; anything else stays whole."""
    if len(token) > 2 and token[0] == "-" and token[1] == "n" and token[2] in "ed":
        return ["-n", f"-{token[2:]}"]
    return [token]
