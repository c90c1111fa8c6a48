"""``bosh``: read the command line, import the one command it names, run it, say how it ended."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from bosh import __version__
from bosh.cli import globals as global_flags
from bosh.cli.failures import UsageError
from bosh.cli.registry import BY_NAME, ENTRIES

_OPTIONS = """\
Application Options:
  -v, --version          Show CLI version
      --config=          Config file path [$BOSH_CONFIG]
  -e, --environment=     Director environment name or URL [$BOSH_ENVIRONMENT]
      --ca-cert=         Director CA certificate path or value [$BOSH_CA_CERT]
      --sha2             Use SHA256 checksums [$BOSH_SHA2]
      --parallel=        The max number of parallel operations
      --client=          Override username or UAA client [$BOSH_CLIENT]
      --client-secret=   Override password or UAA client secret [$BOSH_CLIENT_SECRET]
  -d, --deployment=      Deployment name [$BOSH_DEPLOYMENT]
      --column=          Filter to show only given column(s), use the --column flag for each column
      --json             Output as JSON
      --tty              Force TTY-like output [$BOSH_TTY]
      --no-color         Toggle colorized output
  -n, --non-interactive  Don't ask for user input [$BOSH_NON_INTERACTIVE]
"""


def help_text() -> str:
    """What ``bosh --help`` prints."""
    lines = []
    for entry in sorted(ENTRIES, key=lambda entry: entry.name):
        aliases = f" (aliases: {', '.join(entry.aliases)})" if entry.aliases else ""
        lines.append(f"  {entry.name:<23} {entry.help}{aliases}")
    return f"Usage:\n  bosh [OPTIONS] <command>\n\n{_OPTIONS}\nAvailable commands:\n" + "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the ``bosh`` program."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        before, name, after = global_flags.split(given)
        line = global_flags.extract(before, global_flags.from_environment(os.environ))
    except UsageError as error:
        sys.exit(_fail(str(error)))
    if line.wants_version:
        sys.stdout.write(f"version {__version__}\n\nSucceeded\n")
        return
    if line.wants_help or name == "help" or not given:
        sys.stdout.write(help_text())
        return
    entry = BY_NAME.get(name)
    if entry is None:
        sys.exit(_fail(_unknown(name) if name else "Please specify one command: see 'bosh help'"))
    # Commands are short: looking for cycles again and again, and once more at the end, takes a tenth of their time.
    gc.set_threshold(100_000, 20, 20)
    from bosh.cli.run import run

    code = run(entry, after, line.flags)
    gc.freeze()
    sys.exit(code)


def _fail(message: str) -> int:
    """As any failure is told: the lines apart on a terminal (bosh-cli: main.go)."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    sys.stdout.write("\n")
    sys.stdout.flush()
    sys.stderr.write("Exit code 1\n")
    return 1


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, BY_NAME, n=1)
    hint = f", did you mean `{close[0]}'?" if close else ". See `bosh help'"
    return f"Unknown command `{name}'{hint}"


if __name__ == "__main__":
    main()
