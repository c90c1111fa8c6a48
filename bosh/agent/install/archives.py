"""Archives, by the machine's own tar."""

from __future__ import annotations

from pathlib import Path

from bosh.agent.machine.commands import Command, Commands
from bosh.wire.errors import BoshError

USTAR_OFFSET = 257


async def unpack(archive: Path, directory: Path, commands: Commands, *, member: str = "") -> None:
    """Extract into an existing directory; of ``member`` only what is below it, without its name.

    Rendered templates come with or without a leading ``./``, depending on how they were delivered (bosh-agent: agent/tarpath).

    Raises:
        BoshError: not a readable archive, or no such member.
    """
    arguments: list[str] = []
    if member:
        dotted = await _has_dotted_names(archive, commands)
        arguments = [f"--strip-components={2 if dotted else 1}", f"./{member}" if dotted else member]
    await commands.check(["tar", "--no-same-owner", "-xf", str(archive), "-C", str(directory), *arguments])


async def _has_dotted_names(archive: Path, commands: Commands) -> bool:
    listing = (await commands.check(["tar", "-tf", str(archive)])).stdout
    return listing.startswith("./")


async def pack(directory: Path, target: Path, commands: Commands, *, compressed: bool = True) -> None:
    """Everything below the directory, names beginning with ``./``.

    Raises:
        BoshError: tar fails.
    """
    await commands.check(["tar", "-czf" if compressed else "-cf", str(target), "-C", str(directory), "."])


def is_plain_tar(archive: Path) -> bool:
    """Whether the archive is not compressed; what is compiled from it is not compressed either."""
    with archive.open("rb") as stream:
        head = stream.read(512)
    return head[USTAR_OFFSET : USTAR_OFFSET + 5] == b"ustar"


async def copy_tree(source: Path, target: Path, commands: Commands) -> None:
    """All files with owners, times, holes and extended attributes.

    Raises:
        BoshError: either side of the pipe fails.
    """
    attributes = "--xattrs --xattrs-include='*.*'"
    script = f'set -o pipefail; tar -C "$1" {attributes} --sparse -cf - . | tar -C "$2" {attributes} -xpf -'
    command = Command(["bash", "-c", script, "copy", str(source), str(target)])
    result = await commands.run(command)
    if result.status != 0:
        raise BoshError(f"cannot copy {source} to {target}", details=result.stderr)
