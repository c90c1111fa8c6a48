from __future__ import annotations

import os
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network

import pytest
from container_cpi.firewall import Inbound, render
from container_cpi.networks import Forward, Subnet

RANGES = [IPv4Network("10.1.0.0/16")]
OPEN = Subnet("bosh-1", IPv4Network("10.1.1.0/24"), IPv4Address("10.1.1.1"))
CLOSED = Subnet("bosh-2", IPv4Network("10.1.2.0/24"), IPv4Address("10.1.2.1"), outbound=False)
DOOR = Inbound(IPv4Address("10.1.1.5"), (Forward("tcp", 8080, 80),), (IPv4Address("10.7.0.1"),))


def rules(text: str, chain: str) -> list[str]:
    body = text.partition(f"chain {chain} {{\n")[2].partition("\n  }")[0]
    return [line.strip() for line in body.splitlines()[1:]]


def test_the_table_is_replaced_in_one_go() -> None:
    assert render("t", RANGES, [OPEN], []).splitlines()[:3] == ["table ip t { }", "delete table ip t", "table ip t {"]


def test_ports_and_vips_lead_in_from_outside_and_from_the_machine() -> None:
    text = render("t", RANGES, [OPEN], [DOOR])
    expected = ["fib daddr type local tcp dport 8080 dnat to 10.1.1.5:80", "ip daddr 10.7.0.1 dnat to 10.1.1.5"]
    assert rules(text, "prerouting") == rules(text, "output") == expected


def test_only_outbound_subnets_are_translated_and_never_between_vms() -> None:
    assert rules(render("t", RANGES, [OPEN, CLOSED], []), "postrouting") == [
        'ip saddr 127.0.0.0/8 oifname { "bosh-1", "bosh-2" } masquerade',
        "ip saddr 10.1.1.0/24 ip daddr 10.1.1.0/24 ct status dnat masquerade",
        "ip saddr 10.1.2.0/24 ip daddr 10.1.2.0/24 ct status dnat masquerade",
        'ip saddr { 10.1.1.0/24 } ip daddr != { 10.1.0.0/16 } oifname != { "bosh-1", "bosh-2" } masquerade',
    ]


def test_a_closed_subnet_is_dropped_on_its_way_out_and_strangers_on_their_way_in() -> None:
    assert rules(render("t", RANGES, [OPEN, CLOSED], []), "forward") == [
        "ct state established,related accept",
        "ct status dnat accept",
        'iifname { "bosh-2" } oifname != { "bosh-1", "bosh-2" } drop',
        'iifname != { "bosh-1", "bosh-2" } oifname { "bosh-1", "bosh-2" } drop',
    ]


@pytest.mark.integration
@pytest.mark.parametrize("subnets", [[], [OPEN], [CLOSED], [OPEN, CLOSED]])
def test_nft_understands_it(subnets: list[Subnet]) -> None:
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nft")
    text = render("bosh_check", RANGES, subnets, [DOOR] if subnets else [])
    subprocess.run(["nft", "--check", "-f", "-"], input=text.encode(), check=True, timeout=10)
