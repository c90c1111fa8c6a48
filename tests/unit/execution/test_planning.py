from __future__ import annotations

from bosh.execution.planning import as_deployed
from bosh.manifest.model import Catalog, Release, StemcellImage
from bosh.state import records

CATALOG = Catalog(
    releases=(Release("web", "1"), Release("web", "2"), Release("dns", "7")),
    stemcells=(StemcellImage("debian", "debian-12", "1.1", "a"), StemcellImage("debian", "debian-12", "1.2", "b")),
)


def known(row: records.Deployment) -> tuple[list[str], list[str]]:
    catalog = as_deployed(CATALOG, row)
    releases = [f"{one.name}/{one.version}" for one in catalog.releases]
    return releases, [one.version for one in catalog.stemcells]


def test_newer_versions_are_not_known() -> None:
    row = records.Deployment(
        "dep",
        releases=[{"name": "web", "version": "1"}],
        stemcells=[{"name": "debian", "os": "debian-12", "version": "1.1"}],
    )
    assert known(row) == (["web/1", "dns/7"], ["1.1"])


def test_what_a_failed_deploy_holds_comes_after_what_succeeded() -> None:
    row = records.Deployment("dep", releases=[{"name": "web", "version": "1"}, {"name": "web", "version": "2"}])
    assert known(row) == (["web/1", "dns/7"], ["1.1", "1.2"])
