from __future__ import annotations

import pytest
from container_cpi.neighbours import changes

OURS = [
    "-A FORWARD -i bosh-1 -m comment --comment bosh-abc -j ACCEPT",
    '-A FORWARD -o bosh-1 -m comment --comment "bosh-abc" -j ACCEPT',
]
DOCKER = ["-A FORWARD -j DOCKER-USER", "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"]


def rule(what: str, direction: str, bridge: str) -> list[str]:
    return [what, "FORWARD", direction, bridge, "-m", "comment", "--comment", "bosh-abc", "-j", "ACCEPT"]


@pytest.mark.parametrize("listing", [["-P FORWARD ACCEPT"], ["-P FORWARD ACCEPT", *DOCKER]])
def test_nobody_objects(listing: list[str]) -> None:
    assert changes(listing, "bosh-abc", ["bosh-1"]) == []


def test_an_objection_is_taken_away_per_bridge() -> None:
    listing = ["-P FORWARD DROP", *DOCKER]
    assert changes(listing, "bosh-abc", ["bosh-1"]) == [rule("-I", "-i", "bosh-1"), rule("-I", "-o", "bosh-1")]


def test_what_is_there_stays() -> None:
    assert changes(["-P FORWARD DROP", *OURS, *DOCKER], "bosh-abc", ["bosh-1"]) == []


def test_what_is_wanted_no_more_goes_and_nothing_of_others() -> None:
    listing = ["-P FORWARD DROP", *OURS, *DOCKER, OURS[0].replace("bosh-abc", "bosh-other")]
    expected = [
        rule("-D", "-i", "bosh-1"),
        rule("-D", "-o", "bosh-1"),
        rule("-I", "-i", "bosh-2"),
        rule("-I", "-o", "bosh-2"),
    ]
    assert changes(listing, "bosh-abc", ["bosh-2"]) == expected
    assert changes(listing, "bosh-abc", []) == expected[:2]


def test_ours_go_when_the_objection_is_gone() -> None:
    assert [step[0] for step in changes(["-P FORWARD ACCEPT", *OURS], "bosh-abc", ["bosh-1"])] == ["-D", "-D"]
