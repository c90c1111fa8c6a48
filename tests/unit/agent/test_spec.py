"""bosh/agent/spec.py"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bosh.agent.spec import Bundle, Source, Spec, SpecStore
from bosh.wire.errors import BoshError

RAW = {
    "deployment": "dep",
    "id": "i",
    "index": 2,
    "job": {"name": "web", "template": "a", "templates": [{"name": "a", "version": "1"}, {"name": "b", "version": 2}]},
    "packages": {"p": {"name": "p", "version": "3.1", "sha1": "s", "blobstore_id": "b", "signed_url": "u"}},
    "rendered_templates_archive": {"sha1": "x", "blobstore_id": "y"},
}


def test_jobs_and_packages() -> None:
    spec = Spec(RAW)
    source = Source("x", "y")
    assert spec.jobs == [Bundle("a", "1", source, "a"), Bundle("b", "2", source, "b")]
    assert spec.packages == [Bundle("p", "3.1", Source("s", "b", "u"))]
    assert (spec.job_name, spec.index, spec.template_names) == ("web", 2, ["a", "b"])


def test_no_jobs_before_they_are_rendered() -> None:
    assert Spec({**RAW, "rendered_templates_archive": None}).jobs == []
    empty = Spec({})
    assert (empty.jobs, empty.packages, empty.index, empty.job_name) == ([], [], None, None)
    assert (empty.persistent_disk_mb, empty.max_log_file_size) == (0, "50M")


def test_a_version_lies_where_the_original_puts_it() -> None:
    assert Bundle("a", "1", Source("x")).key == hashlib.sha1(b"1-x").hexdigest()


def test_the_store(tmp_path: Path) -> None:
    store = SpecStore(tmp_path / "spec.json")
    assert store.get() == Spec({})
    store.set(Spec(RAW))
    assert store.get() == Spec(RAW)
    (tmp_path / "spec.json").write_text("{")
    with pytest.raises(BoshError, match="cannot read the applied spec"):
        store.get()
