"""How far a long transfer is: a bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 20


@contextmanager
def reading(path: Path, label: str) -> Iterator[tuple[Iterator[bytes], int]]:
    """A file's content in pieces, with a bar while it is read; and its size in bytes."""
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        if not sys.stderr.isatty():
            yield _pieces(stream), size_bytes
            return
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(label, total=size_bytes)

            def counted() -> Iterator[bytes]:
                for piece in _pieces(stream):
                    yield piece
                    progress.update(task, advance=len(piece))

            yield counted(), size_bytes


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK_BYTES):
        yield piece
