"""Certificates that every program on the VM shall trust (bosh-agent: platform/cert/cert_manager.go)."""

from __future__ import annotations

import re
from pathlib import Path

from bosh.agent.machine.commands import Commands

PREFIX = "bosh-trusted-cert-"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Certificates:
    def __init__(self, directory: Path, commands: Commands) -> None:
        self._directory = directory
        self._commands = commands

    async def trust(self, certificates: str) -> None:
        """Exactly these PEM certificates, and no longer those of before. Nothing is run when nothing changes.

        Raises:
            BoshError: the system's bundle cannot be made.
        """
        wanted = {
            f"{PREFIX}{number}.crt": found.group() + "\n"
            for number, found in enumerate(_PEM.finditer(certificates), start=1)
        }
        existing = {path.name: path.read_text() for path in self._directory.glob(f"{PREFIX}*")}
        if wanted == existing:
            return
        for name in existing.keys() - wanted.keys():
            (self._directory / name).unlink()
        self._directory.mkdir(parents=True, exist_ok=True)
        for name, text in wanted.items():
            (self._directory / name).write_text(text)
        await self._commands.check(["update-ca-certificates", "--fresh"])
