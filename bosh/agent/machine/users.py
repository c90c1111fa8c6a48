"""Accounts (bosh-agent: platform/linux_platform.go CreateUser, SetupSSH, DeleteEphemeralUsersMatching)."""

from __future__ import annotations

import pwd
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bosh.agent.machine.commands import Commands
from bosh.agent.machine.ownership import Ownership
from bosh.wire.errors import BoshError

EPHEMERAL_PREFIX = "bosh_"
"""Only accounts so named are ever deleted, whatever the expression matches."""

SSH_GROUPS = ("vcap", "admin", "bosh_sudoers", "bosh_sshers")


class Users(Protocol):
    """Everything raises BoshError when the account database refuses."""

    async def create(self, name: str, homes: Path) -> None:
        """A login account whose home, mode 0700, is made below ``homes``."""
        ...

    async def set_groups(self, name: str, groups: Sequence[str]) -> None: ...

    async def set_password(self, name: str, encrypted: str) -> None:
        """An empty one locks password logins."""
        ...

    async def authorize(self, name: str, public_keys: Sequence[str]) -> None:
        """Replace the account's ``authorized_keys``."""
        ...

    async def delete_ephemeral(self, expression: str) -> list[str]:
        """Delete ``bosh_…`` accounts matching a regular expression; their names."""
        ...

    def host_public_key(self) -> str: ...


class SystemUsers:
    def __init__(self, commands: Commands, ownership: Ownership, etc: Path) -> None:
        self._commands = commands
        self._ownership = ownership
        self._etc = etc

    async def create(self, name: str, homes: Path) -> None:
        _make_directory(homes)
        await self._commands.check(["useradd", "-m", "-b", str(homes), "-s", "/bin/bash", "--", name])
        _home(name).chmod(0o700)

    async def set_groups(self, name: str, groups: Sequence[str]) -> None:
        await self._commands.check(["usermod", "-G", ",".join(groups), "--", name])

    async def set_password(self, name: str, encrypted: str) -> None:
        await self._commands.check(["usermod", "-p", encrypted or "*", "--", name])

    async def authorize(self, name: str, public_keys: Sequence[str]) -> None:
        directory = _home(name) / ".ssh"
        directory.mkdir(mode=0o700, exist_ok=True)
        directory.chmod(0o700)
        self._ownership.give_to(directory, name)
        keys = directory / "authorized_keys"
        keys.write_text("\n".join(public_keys))
        keys.chmod(0o600)
        self._ownership.give_to(keys, name)

    async def delete_ephemeral(self, expression: str) -> list[str]:
        names = matching([entry.pw_name for entry in pwd.getpwall()], expression)
        for name in names:
            await self._commands.check(["userdel", "-rf", "--", name])
        return names

    def host_public_key(self) -> str:
        path = self._etc / "ssh" / "ssh_host_rsa_key.pub"
        try:
            return path.read_text()
        except OSError as error:
            raise BoshError(f"Unable to read host public key file: {path}", details=str(error)) from error


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o755)


def matching(names: Sequence[str], expression: str) -> list[str]:
    """Ephemeral accounts that the expression finds anywhere in their name.

    Raises:
        BoshError: not a regular expression.
    """
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise BoshError("Compiling regexp", details=f"{expression!r}: {error}") from error
    return [name for name in names if name.startswith(EPHEMERAL_PREFIX) and pattern.search(name)]


def _home(name: str) -> Path:
    try:
        return Path(pwd.getpwnam(name).pw_dir)
    except KeyError as error:
        raise BoshError(f"cannot find the home directory of user {name}") from error


class FakeUsers:
    """Accounts in memory."""

    def __init__(self) -> None:
        self.groups: dict[str, tuple[str, ...]] = {}
        self.passwords: dict[str, str] = {}
        self.keys: dict[str, tuple[str, ...]] = {}

    async def create(self, name: str, homes: Path) -> None:
        del homes
        if name in self.groups:
            raise BoshError(f"useradd: user '{name}' already exists")
        self.groups[name] = ()

    async def set_groups(self, name: str, groups: Sequence[str]) -> None:
        self.groups[name] = tuple(groups)

    async def set_password(self, name: str, encrypted: str) -> None:
        self.passwords[name] = encrypted

    async def authorize(self, name: str, public_keys: Sequence[str]) -> None:
        self.keys[name] = tuple(public_keys)

    async def delete_ephemeral(self, expression: str) -> list[str]:
        names = matching(list(self.groups), expression)
        for name in names:
            del self.groups[name]
        return names

    def host_public_key(self) -> str:
        return "ssh-rsa AAAAfake root@fake"
