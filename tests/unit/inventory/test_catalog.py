from __future__ import annotations

from bosh.inventory.catalog import read_catalog
from bosh.manifest.model import CompiledPackage, LinkSpec, StemcellImage
from bosh.state import records
from bosh.testing.memory import memory_store


def test_releases_with_their_jobs_and_packages() -> None:
    store = memory_store()
    store.release_versions.insert(records.ReleaseVersion("web", "1"))
    store.release_versions.insert(records.ReleaseVersion("web", "2"))
    spec = {
        "templates": {"a.erb": "bin/a"},
        "packages": ["runtime"],
        "properties": {"port": {"default": 80}, "bare": None},
        "consumes": [{"name": "db", "type": "sql", "optional": True}],
        "provides": [{"name": "web", "type": "http", "properties": ["port"]}],
        "logs": {"access": "access.log"},
    }
    store.job_templates.insert(records.JobTemplate("web", "1", "server", "fp", "sha", "blob", spec))
    store.packages.insert(records.Package("web", "1", "runtime", "fp", "sha", "blob", ["libc"]))
    store.stemcells.insert(records.Stemcell("debian", "debian-12", "1.1", "cid", cpi="west", api_version=3))
    store.compiled_packages.insert(records.CompiledPackage("runtime", "fp", "[]", "debian-12", "1.1", "sha", "blob"))
    catalog = read_catalog(store)
    first, second = catalog.releases
    job = first.jobs["server"]
    assert job.templates == {"a.erb": "bin/a"}
    assert job.properties == {"port": {"default": 80}, "bare": {}}
    assert job.consumes == (LinkSpec("db", "sql", optional=True),)
    assert job.provides == (LinkSpec("web", "http", properties=("port",)),)
    assert job.logs == {"access": "access.log"}
    assert first.packages["runtime"].dependencies == ("libc",)
    assert (second.version, second.jobs, second.packages) == ("2", {}, {})
    assert catalog.stemcells == (StemcellImage("debian", "debian-12", "1.1", "cid", "west", 3),)
    assert catalog.compiled == (CompiledPackage("fp", "[]", "debian-12", "1.1", "sha", "blob"),)
