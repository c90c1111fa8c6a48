"""Compile one package (bosh-agent: agent/compiler/concrete_compiler.go)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bosh.agent.blobs.blobs import Blobs
from bosh.agent.install import archives
from bosh.agent.install.installer import Installer
from bosh.agent.machine.commands import Command, Commands
from bosh.agent.paths import Paths
from bosh.agent.spec import Bundle, Source
from bosh.wire.errors import BoshError

SHOWN_OUTPUT_BYTES = 10 * 1024
"""Of each stream of a failed packaging script, in the error; the whole lies in ``sys/log/compilation``."""


@dataclass(frozen=True, slots=True)
class Compilation:
    name: str
    version: str
    source: Source
    dependencies: Sequence[Bundle] = ()
    upload_url: str = ""
    upload_headers: Mapping[str, str] = field(default_factory=dict)


class Compiler:
    def __init__(self, paths: Paths, blobs: Blobs, installer: Installer, commands: Commands) -> None:
        self._paths = paths
        self._blobs = blobs
        self._installer = installer
        self._packages = installer.packages
        self._commands = commands

    async def compile(self, wanted: Compilation, cancelled: asyncio.Event) -> tuple[str, str]:
        """Compile and deliver: (blob id, digest text).

        Raises:
            BoshError: a blob cannot be had or delivered, packaging failed or was cancelled.
        """
        try:
            return await self._compile(wanted, cancelled)
        except BoshError as error:
            raise BoshError(f"Compiling package {wanted.name}: {error}") from error

    async def _compile(self, wanted: Compilation, cancelled: asyncio.Event) -> tuple[str, str]:
        directory = self._paths.compile / wanted.name
        await self._only(())
        try:
            await self._only(wanted.dependencies)
            plain = await self._unpack_source(wanted, directory)
            return await self._package(wanted, directory, cancelled, compressed=not plain)
        finally:
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
            await self._only(())

    async def _only(self, packages: Sequence[Bundle]) -> None:
        """Exactly these packages on the machine."""
        self._packages.keep_enabled(packages)
        await self._packages.keep_installed(packages)
        for package in packages:
            await self._installer.ensure_package(package)
            self._packages.enable(package)

    async def _unpack_source(self, wanted: Compilation, directory: Path) -> bool:
        """Whether the source was not compressed."""
        archive = await self._blobs.get(wanted.source)
        try:
            await asyncio.to_thread(_make_empty, directory)
            await archives.unpack(archive, directory, self._commands)
            return archives.is_plain_tar(archive)
        finally:
            archive.unlink(missing_ok=True)

    async def _package(
        self, wanted: Compilation, directory: Path, cancelled: asyncio.Event, *, compressed: bool
    ) -> tuple[str, str]:
        bundle = Bundle(wanted.name, wanted.version, Source(""))
        installed = self._packages.install_empty(bundle)
        target = self._packages.enable(bundle)
        if _has_packaging(directory):
            await self._run_packaging(wanted, directory, target, cancelled)
        archive = self._blobs.temporary_file("compiled")
        try:
            await archives.pack(installed, archive, self._commands, compressed=compressed)
            return await self._blobs.put(archive, wanted.upload_url, wanted.upload_headers)
        finally:
            archive.unlink(missing_ok=True)

    async def _run_packaging(
        self, wanted: Compilation, directory: Path, target: Path, cancelled: asyncio.Event
    ) -> None:
        logs = self._paths.logs / "compilation"
        await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)
        stdout, stderr = logs / "packaging.stdout.log", logs / "packaging.stderr.log"
        command = Command(
            ["bash", "-x", "packaging"],
            env={
                "BOSH_COMPILE_TARGET": str(directory),
                "BOSH_INSTALL_TARGET": str(target),
                "BOSH_PACKAGE_NAME": wanted.name,
                "BOSH_PACKAGE_VERSION": wanted.version,
            },
            directory=directory,
            stdout=stdout,
            stderr=stderr,
        )
        result = await self._commands.run(command, cancelled=cancelled)
        if result.cancelled:
            raise BoshError("cancelled")
        if result.status != 0:
            raise BoshError(
                f"Running packaging script: Command exited with {result.status}; "
                f"Stdout: {_tail(stdout)}, Stderr: {_tail(stderr)}"
            )


def _make_empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


def _has_packaging(directory: Path) -> bool:
    """A source without the script is installed empty, as the original does."""
    return (directory / "packaging").is_file()


def _tail(path: Path) -> str:
    """The end of the file, from a whole line on."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - SHOWN_OUTPUT_BYTES))
        text = stream.read().decode("utf-8", "replace")
    if size <= SHOWN_OUTPUT_BYTES:
        return text
    return f"Truncated: {text.partition(chr(10))[2] or text}"
