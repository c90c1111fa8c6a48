"""Versions of jobs and packages side by side, one of each enabled by a link (bosh-agent: agent/applier/bundlecollection).

``data/<kind>/<name>/<key>`` holds a version; ``<kind>/<name>`` links to the enabled one. A version appears whole or not at all: it is
unpacked beside its place and renamed, so that after a crash nothing half unpacked is taken for installed.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Collection
from pathlib import Path

from bosh.agent.install import archives
from bosh.agent.machine.commands import Commands
from bosh.agent.machine.ownership import Ownership
from bosh.agent.spec import Bundle
from bosh.system.files import replace_link

log = logging.getLogger(__name__)

UNPACKING = ".unpacking-"


class Bundles:
    """All versions of one kind (``jobs`` or ``packages``)."""

    def __init__(
        self, installed: Path, enabled: Path, commands: Commands, ownership: Ownership, *, directory_mode: int
    ) -> None:
        self._installed = installed
        self._enabled = enabled
        self._commands = commands
        self._ownership = ownership
        self._mode = directory_mode

    def path(self, bundle: Bundle) -> Path:
        return self._installed / bundle.name / bundle.key

    def link(self, bundle: Bundle) -> Path:
        return self._enabled / bundle.name

    def is_installed(self, bundle: Bundle) -> bool:
        return self.path(bundle).is_dir()

    async def install(self, bundle: Bundle, archive: Path) -> Path:
        """Unpack to the version's place.

        Raises:
            BoshError: not a readable archive.
        """
        path = self.path(bundle)
        staging = path.with_name(UNPACKING + path.name)
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
        self._make(staging)
        try:
            await archives.unpack(archive, staging, self._commands, member=bundle.path_in_archive)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return staging

    def complete(self, bundle: Bundle, staging: Path) -> None:
        """Give what ``install`` unpacked its name: from here on it counts as installed."""
        staging.rename(self.path(bundle))

    def install_empty(self, bundle: Bundle) -> Path:
        """An empty version, to be filled by compilation; what was there goes."""
        path = self.path(bundle)
        shutil.rmtree(path, ignore_errors=True)
        self._make(path)
        return path

    def _make(self, path: Path) -> None:
        path.mkdir(parents=True, mode=self._mode)
        path.chmod(self._mode)
        path.parent.chmod(self._mode)
        for directory in (path.parent, path):
            self._ownership.root_vcap(directory)

    def enable(self, bundle: Bundle) -> Path:
        """Point the link to this version."""
        link = self.link(bundle)
        if not link.parent.is_dir():
            link.parent.mkdir(parents=True, mode=self._mode)
            self._ownership.root_vcap(link.parent)
        replace_link(link, self.path(bundle))
        return link

    def keep_enabled(self, bundles: Collection[Bundle]) -> None:
        """Remove the links of all others."""
        names = {bundle.name for bundle in bundles}
        if not self._enabled.is_dir():
            return
        for link in self._enabled.iterdir():
            if link.is_symlink() and link.name not in names:
                link.unlink()

    async def keep_installed(self, bundles: Collection[Bundle]) -> None:
        """Delete all other versions, and what a crash left half unpacked."""
        kept = {self.path(bundle) for bundle in bundles}
        for version in list(self._installed.glob("*/*")) + list(self._installed.glob("*/.unpacking-*")):
            if version not in kept:
                log.info("deleting %s", version)
                await asyncio.to_thread(shutil.rmtree, version)
        for directory in self._installed.glob("*"):
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
