"""Host name and ``/etc/hosts`` (bosh-agent: platform/linux_platform.go SetupHostname, SaveDNSRecords)."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bosh.agent.machine.commands import Commands
from bosh.system.files import write_atomically

TEMPLATE = """127.0.0.1 {name} localhost

# The following lines are desirable for IPv6 capable hosts
::1 {name} localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
ff02::3 ip6-allhosts
"""


def hosts_text(name: str, records: Sequence[Sequence[Any]]) -> str:
    """The machine's own names, then one line per record ``[ip, name]``."""
    return TEMPLATE.format(name=name) + "".join(f"{record[0]} {record[1]}\n" for record in records)


class Hosts:
    def __init__(self, etc: Path, commands: Commands) -> None:
        self._etc = etc
        self._commands = commands

    async def name_machine(self, name: str) -> None:
        """Once: a later start leaves the records that ``sync_dns`` wrote.

        Raises:
            BoshError: the kernel refuses the name.
        """
        file = self._etc / "hostname"
        if file.exists() and file.read_text() == name:
            return
        await self._commands.check(["hostname", name])
        self._replace("hosts", hosts_text(name, ()))
        self._replace("hostname", name)

    def write(self, name: str, records: Sequence[Sequence[Any]]) -> None:
        self._replace("hosts", hosts_text(name, records))

    def _replace(self, file: str, text: str) -> None:
        path = self._etc / file
        try:
            write_atomically(path, text.encode(), mode=0o644, durable=False)
        except OSError as error:
            # Some container runtimes mount these files one by one: such a file can be written, not replaced.
            if error.errno != errno.EBUSY:
                raise
            path.write_text(text)
