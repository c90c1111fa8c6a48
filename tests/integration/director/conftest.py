"""A real director daemon on loopback, with the fake cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bosh.testing.daemon import Director, alive, make_director, task_of, until


@pytest.fixture
def director(tmp_path: Path) -> Iterator[Director]:
    director = make_director(tmp_path)
    try:
        director.start()
        yield director
    finally:
        director.end()


__all__ = ["Director", "alive", "task_of", "until"]
