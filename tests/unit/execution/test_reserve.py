from __future__ import annotations

import pytest

from bosh.execution.reserve import give_back, reserve
from bosh.inventory.current import remembered
from bosh.manifest.model import Catalog, Desired
from bosh.plan.layout import lay_out
from bosh.plan.model import Current, Layout, Options
from bosh.state import records
from bosh.state.contract import Conflict
from bosh.testing import builders as build
from bosh.testing.fake_task import FakeWorld

OPTIONS = Options()


def now(fake: FakeWorld) -> Current:
    return remembered(fake.store, deployment="dep", catalog=build.catalog())


def laid(fake: FakeWorld, desired: Desired) -> Layout:
    return lay_out(desired, now(fake), options=OPTIONS, ids=fake.world.ids)


def wanted(count: int = 2, network: str = "default") -> Desired:
    return build.desired(
        build.group("web", count, networks=[network]), deployment="dep", networks=[build.network(network)]
    )


def counts(fake: FakeWorld) -> list[int]:
    return [fake.store.instances.count(), fake.store.ips.count(), fake.store.dns_numbers.count(space="instance")]


def test_what_is_reserved_is_laid_out_the_same_again(fake: FakeWorld) -> None:
    layout = laid(fake, wanted())
    reserve(fake.world, layout, now(fake), task_id=7)
    assert counts(fake) == [2, 2, 2]
    assert {row.task_id for row in fake.store.ips.list()} == {7}
    again = laid(fake, wanted())
    assert again.instances == layout.instances
    assert again.dns_ids == layout.dns_ids
    reserve(fake.world, again, now(fake), task_id=8)
    assert counts(fake) == [2, 2, 2]


def test_all_or_nothing_when_another_deployment_was_quicker(fake: FakeWorld) -> None:
    layout, before = laid(fake, wanted()), now(fake)
    fake.store.ips.insert(records.IpAddress(layout.instances[1].reservations[0].ip, "default", "other", "x"))
    with pytest.raises(Conflict):
        reserve(fake.world, layout, before, task_id=1)
    assert counts(fake) == [0, 1, 0]
    assert fake.store.dns_numbers.list() == []
    reserve(fake.world, laid(fake, wanted()), now(fake), task_id=1)
    assert counts(fake) == [2, 3, 2]


def test_giving_back_takes_only_what_was_new(fake: FakeWorld) -> None:
    reserve(fake.world, laid(fake, wanted(1)), now(fake), task_id=1)
    reserved = reserve(fake.world, laid(fake, wanted(3)), now(fake), task_id=2)
    assert counts(fake) == [3, 3, 3]
    give_back(fake.world, reserved)
    assert counts(fake) == [1, 1, 1]


def test_a_network_with_a_new_name_keeps_its_address(fake: FakeWorld) -> None:
    reserve(fake.world, laid(fake, wanted(1)), now(fake), task_id=1)
    before = fake.store.ips.list()[0]
    reserve(fake.world, laid(fake, wanted(1, "renamed")), now(fake), task_id=2)
    (after,) = fake.store.ips.list()
    assert (after.ip, after.network) == (before.ip, "renamed")


def test_bootstrap_moves_are_remembered(fake: FakeWorld) -> None:
    reserve(fake.world, laid(fake, wanted(1)), now(fake), task_id=1)
    fake.store.instances.update_where({"deployment": "dep"}, bootstrap=False)
    reserve(fake.world, laid(fake, wanted(1)), now(fake), task_id=2)
    assert fake.store.instances.list()[0].bootstrap


def test_an_empty_catalog_is_no_hindrance(fake: FakeWorld) -> None:
    assert remembered(fake.store, deployment="none", catalog=Catalog()).instances == ()
