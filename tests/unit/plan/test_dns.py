from __future__ import annotations

import pytest

from bosh.plan.dns import (
    RECORD_KEYS,
    NamedInstance,
    Numbers,
    blob,
    canonical,
    long_query,
    record_name,
    records,
    short_query,
)
from bosh.plan.errors import InvalidCanonicalName
from bosh.plan.model import DnsIds

IDS = DnsIds(
    azs={"z1": 1, "z2": 2},
    networks={"my_net": 3, "other": 4},
    groups={("instance-group", "Web_A", "shop"): 5, ("link", "conn-http", "shop"): 6},
    instances={"uuid-1": 7},
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Web_A", "web-a"), ("a.b c", "abc"), ("x1", "x1")],
)
def test_canonical(name: str, expected: str) -> None:
    assert canonical(name) == expected


@pytest.mark.parametrize("name", ["-a", "a_", "_"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(InvalidCanonicalName) as caught:
        canonical(name)
    assert caught.value.code == 420001


def test_record_name_keeps_the_networks_wildcard() -> None:
    assert record_name("i", "Web_A", "%", "my.shop", "bosh") == "i.web-a.%.myshop.bosh"


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        pytest.param({}, "q-s0.q-g5.bosh", id="health smart by default"),
        pytest.param(
            {"instance": "uuid-1", "network": "my_net"}, "q-m7n3s0.q-g5.bosh", id="one instance on one network"
        ),
        pytest.param(
            {"azs": ["z2", "z1"], "status": "healthy"}, "q-a1a2s3.q-g5.bosh", id="zones, sorted, healthy ones"
        ),
        pytest.param({"status": "all", "initial_check": "synchronous"}, "q-s4y1.q-g5.bosh", id="all, checked first"),
        pytest.param({"status": "unhealthy", "initial_check": "asynchronous"}, "q-s1y0.q-g5.bosh", id="unhealthy ones"),
    ],
)
def test_short_query(criteria, expected: str) -> None:
    assert short_query(IDS, group_number=5, domain="bosh", **criteria) == expected


def test_long_query() -> None:
    name = long_query(IDS, group="Web_A", network="my_net", deployment="shop", domain="bosh", azs=["z2"])
    assert name == "q-a2s0.web-a.my-net.shop.bosh"


def test_a_query_for_what_has_no_number_fails() -> None:
    with pytest.raises(KeyError):
        short_query(IDS, group_number=5, domain="bosh", azs=["z9"])


def test_numbers_go_on_after_the_highest() -> None:
    numbers = Numbers(DnsIds(azs={"a": 4}))
    assert [numbers.az("b"), numbers.az("a"), numbers.az("c"), numbers.network("n")] == [5, 4, 6, 1]
    assert numbers.frozen().azs == {"a": 4, "b": 5, "c": 6}


INSTANCE = NamedInstance(
    id="uuid-1",
    group="Web_A",
    index=2,
    az="z1",
    deployment="shop",
    agent_id="agent-1",
    addresses={"my_net": "10.0.0.2", "other": "10.1.0.2"},
    link_groups=("conn-http",),
)


def test_records_have_one_row_per_network() -> None:
    hosts, infos = records([INSTANCE], IDS)
    assert hosts == [["10.0.0.2", "uuid-1.web-a.my-net.shop.bosh"], ["10.1.0.2", "uuid-1.web-a.other.shop.bosh"]]
    assert dict(zip(RECORD_KEYS, infos[0], strict=True)) == {
        "id": "uuid-1",
        "num_id": "7",
        "instance_group": "web-a",
        "group_ids": ["5", "6"],
        "az": "z1",
        "az_id": "1",
        "network": "my-net",
        "network_id": "3",
        "deployment": "shop",
        "ip": "10.0.0.2",
        "domain": "bosh",
        "agent_id": "agent-1",
        "instance_index": 2,
    }


def test_index_names_on_request() -> None:
    hosts, _ = records([INSTANCE], IDS, include_index=True)
    assert [name for _, name in hosts][:2] == ["uuid-1.web-a.my-net.shop.bosh", "2.web-a.my-net.shop.bosh"]


def test_an_instance_without_a_zone_has_none() -> None:
    from dataclasses import replace

    _, infos = records([replace(INSTANCE, az="")], IDS)
    assert infos[0][4:6] == [None, None]


def test_blob() -> None:
    target = {
        "root_domain": "bosh",
        "group_id": "6",
        "health_filter": None,
        "initial_health_check": None,
        "placeholder_type": None,
    }
    result = blob([INSTANCE], IDS, version=9, aliases={"web.internal": [target]})
    assert (result["version"], result["record_keys"], result["aliases"]) == (
        9,
        list(RECORD_KEYS),
        {"web.internal": [target]},
    )
    assert len(result["records"]) == len(result["record_infos"]) == 2


def test_long_query_with_a_first_check() -> None:
    name = long_query(
        IDS, group="web", network="n", deployment="shop", domain="bosh", status="healthy", initial_check="synchronous"
    )
    assert name == "q-s3y1.web.n.shop.bosh"
