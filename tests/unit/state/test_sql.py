"""Several processes share one SQLite file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bosh.state import schema
from bosh.state.sql import SqlStore

_WORK = """
import sys
from bosh.state import records
from bosh.state.sql import SqlStore
store = SqlStore(sys.argv[1])
for n in range(50):
    with store.transaction():
        store.releases.insert(records.Release(f"{sys.argv[2]}-{n}"))
        assert store.releases.count(name=f"{sys.argv[2]}-{n}") == 1
"""


@pytest.mark.slow
def test_processes_write_at_once_without_losing_a_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/director.db"
    store = SqlStore(url)
    schema.METADATA.create_all(store.database)
    workers = [subprocess.Popen([sys.executable, "-c", _WORK, url, str(n)]) for n in range(3)]
    try:
        assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    finally:
        for worker in workers:
            worker.kill()
    assert store.releases.count() == 150
    store.close()
