"""Bundles of log files (bosh-agent: agent/logstarprovider, bosh-utils fileutil/generic_cp_copier.go)."""

from __future__ import annotations

import asyncio
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bosh.agent.paths import Paths
from bosh.wire.errors import BoshError

EVERYTHING = ("**/*",)


def directories(kinds: str, paths: Paths) -> list[tuple[Path, str]]:
    """(directory, prefix in the bundle) for each of the comma-separated kinds.

    Raises:
        BoshError: a kind other than job, agent, system.
    """
    known = {
        "job": (paths.logs, ""),
        "agent": (paths.agent_logs, ""),
        "system": (paths.system_logs, "var/log/"),
    }
    if not all(kind in known for kind in kinds.split(",")):
        raise BoshError("Invalid log type")
    return [known[kind] for kind in kinds.split(",")]


async def bundle(kinds: str, filters: Sequence[str], paths: Paths, target: Path) -> None:
    """Write ``target`` as tar.gz; file names in it begin with ``./``.

    Raises:
        BoshError: an unknown kind.
    """
    chosen = directories(kinds, paths)
    await asyncio.to_thread(_write, chosen, list(filters) or list(EVERYTHING), target)


def _write(chosen: Sequence[tuple[Path, str]], filters: Sequence[str], target: Path) -> None:
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        for directory, prefix in chosen:
            for name in matching(directory, filters):
                _add(archive, directory / name, f"./{prefix}{name}")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Exactly as many bytes as the header says, though the file may grow or shrink meanwhile; it may have gone."""
    try:
        with path.open("rb") as stream:
            info = archive.gettarinfo(arcname=name, fileobj=stream)
            archive.addfile(info, _Padded(stream, info.size))  # type: ignore[arg-type]
    except FileNotFoundError:
        return


class _Padded:
    """A stream of a promised length: what a truncated log no longer has is zeros."""

    def __init__(self, stream: object, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(min(size, self._left))  # type: ignore[attr-defined]
        data = data.ljust(min(size, self._left), b"\0")
        self._left -= len(data)
        return data


def matching(directory: Path, filters: Sequence[str]) -> Iterator[str]:
    """Relative names of the files that any filter matches, each once. A filter that names a directory means all below it."""
    patterns = [_pattern(f"{item.rstrip('/')}/**/*" if (directory / item).is_dir() else item) for item in filters]
    for path in sorted(directory.rglob("*")) if directory.is_dir() else ():
        name = path.relative_to(directory).as_posix()
        if path.is_file() and any(pattern.fullmatch(name) for pattern in patterns):
            yield name


def _pattern(glob: str) -> re.Pattern[str]:
    """``**`` stands for any directories, none included; ``*`` and ``?`` stay within one; ``{a,b}`` and ``[…]`` as in a shell."""
    out, position = "", 0
    glob = glob.removeprefix("./").lstrip("/")
    while position < len(glob):
        rest = glob[position:]
        if rest.startswith("**/"):
            out, position = out + "(?:.*/)?", position + 3
        elif rest.startswith("**"):
            out, position = out + ".*", position + 2
        elif (group := re.match(r"\{([^{}]*)\}", rest)) is not None:
            out += "(?:" + "|".join(_pattern(item).pattern for item in group[1].split(",")) + ")"
            position += group.end()
        elif (choice := re.match(r"\[([!^]?)([^\]]+)\]", rest)) is not None:
            inverse, members = choice.groups()
            out += f"[{'^' if inverse else ''}{members.replace(chr(92), chr(92) * 2)}]"
            position += choice.end()
        else:
            out += {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0]))
            position += 1
    return re.compile(out)
