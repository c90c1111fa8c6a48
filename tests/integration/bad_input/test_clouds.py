"""Clouds that do not keep their promises."""

from __future__ import annotations

import pytest

from bosh.testing.daemon import until
from bosh.testing.ownership import unowned

from .conftest import Site, group, manifest


def left(site: Site) -> list[str]:
    with site.director.store() as store:
        return unowned(store, site.director.config, site.director.cloud)


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ({"garbage": True}, "Invalid CPI response"),
        ({"garbage": True, "after_effect": True}, "Invalid CPI response"),
        ({"die": True}, "its process ended before it answered"),
        ({"die": True, "after_effect": True}, "its process ended before it answered"),
        ({"kind": "Bosh::Clouds::CloudError", "message": "no more room"}, "no more room"),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["create_vm", "create_disk"])
def test_a_cpi_that_prints_garbage_or_dies(site: Site, method: str, fault: dict[str, object], part: str) -> None:
    """One error that says which; the next deploy goes on, and what the cloud made without telling is gone."""
    if method == "create_disk" and fault.get("after_effect"):
        pytest.skip("nobody can know the name of a disk that its cloud did not tell")
    text = manifest(group(count=1).replace("  jobs:", "  persistent_disk_type: small\n  jobs:"), name="cloud")
    site.director.fault(method, times=1, **fault)
    _code, message = site.error_of(site.director.deploy(text))
    assert method in message
    assert part in message
    site.succeeds(site.director.deploy(text))
    assert left(site) == []
    with site.director.client() as client:
        site.succeeds(int(client.delete("/deployments/cloud").headers["location"].rpartition("/")[2]))
    assert left(site) == []


def test_two_deploys_of_one_deployment_at_once(site: Site) -> None:
    """The second waits for its turn and is refused when that does not come; it names the task that is in its way."""
    text = manifest(group(), name="twice")
    site.director.fault("create_vm", hold=True, times=1)
    first = site.director.deploy(text)
    held = site.director.cloud / "held" / "create_vm"
    until(held.exists)
    try:
        second = site.director.deploy(text)
        _code, message = site.error_of(second)
    finally:
        held.unlink()
    assert "Failed to acquire lock for lock:deployment:twice" in message
    assert f"Locking task id is {first}" in message
    site.succeeds(first)
    with site.director.client() as client:
        site.succeeds(int(client.delete("/deployments/twice").headers["location"].rpartition("/")[2]))
    assert left(site) == []
