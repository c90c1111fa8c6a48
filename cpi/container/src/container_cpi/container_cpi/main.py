"""The program: ``container-cpi --config FILE [--serve | restore | destroy-all | list]``."""

from __future__ import annotations

import json
import sys

from cpi_kit.errors import CpiFault
from cpi_kit.main import Options, UsageError, parse_arguments, run

from container_cpi.cloud import ContainerCloud


def main() -> None:
    """Entry point."""
    try:
        options = parse_arguments(sys.argv[1:])
        sys.exit(_command(options) if options.rest else run(ContainerCloud, options))
    except (UsageError, CpiFault) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _command(options: Options) -> int:
    """The exit status is 1 when something is left to be done."""
    from container_cpi import admin
    from container_cpi.config import parse_config

    if len(options.rest) != 1 or options.rest[0] not in {"list", "restore", "destroy-all"}:
        raise UsageError(f"unknown arguments: {' '.join(options.rest)}")
    config = parse_config(options.config)
    if options.rest[0] == "destroy-all":
        return _reported(admin.destroy_all(config, _say))
    house = admin.rooms(config)
    if options.rest[0] == "list":
        sys.stdout.write(json.dumps(admin.listed(house), indent=1) + "\n")
        return 0
    return _reported(admin.restore(house, _say))


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - progress of a command


def _reported(failures: list[str]) -> int:
    for failure in failures:
        sys.stderr.write(f"{failure}\n")
    return 1 if failures else 0


if __name__ == "__main__":
    main()
