"""BOSH's version order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.manifest.versions import Version, exactly, latest_prefix, newest, release_version, same_line, stemcell_version


def test_versions_in_ascending_order() -> None:
    texts = [
        "0",
        "0.1",
        "1-alpha",
        "1-rc.1",
        "1-rc.2",
        "1-rc.10",
        "1",
        "1+build.1",
        "1+dev.1",
        "1+dev.2",
        "1.0.1",
        "1.2",
        "1.10",
        "2",
        "2a",
    ]
    versions = [Version(text) for text in texts]
    mixed = versions[1::2] + versions[::2]
    assert [version.text for version in sorted(mixed)] == texts
    for at, one in enumerate(versions):
        assert all(one < later for later in versions[at + 1 :])


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1.2", "1.2.0.0"), ("1-rc", "1-rc.0")])
def test_missing_parts_are_zero(one: str, other: str) -> None:
    assert Version(one) == Version(other)
    assert hash(Version(one)) == hash(Version(other))


@pytest.mark.parametrize("text", ["", "1 2", "a/b", "1-", "é"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="Release version invalid"):
        Version(text)


@pytest.mark.parametrize(
    ("wanted", "prefix"), [("latest", ""), ("1.latest", "1"), ("1.2.latest", "1.2"), ("1.2", None), ("xlatest", None)]
)
def test_what_asks_for_the_latest(wanted: str, prefix: str | None) -> None:
    assert latest_prefix(wanted) == prefix


@pytest.mark.parametrize(
    ("versions", "prefix", "chosen"),
    [
        (["1.9", "1.10", "1.10-rc.1"], "", "1.10"),
        (["1.9", "2", "1.10"], "1", "1.10"),
        (["11", "1+dev.1"], "1", "1+dev.1"),
        (["2"], "1", None),
        ([], "", None),
        (["not a version!", "1"], "", "1"),
    ],
)
def test_the_newest_within_a_prefix(versions: list[str], prefix: str, chosen: str | None) -> None:
    assert newest(versions, prefix=prefix) == chosen


def test_a_dev_version_may_be_asked_for_in_either_form() -> None:
    assert exactly("1.3-dev", ["1+dev.3"]) == "1+dev.3"
    assert exactly("1+dev.3", ["1.3-dev"]) == "1.3-dev"
    assert exactly("1.0", ["1"]) is None
    assert exactly("not one!", ["also not!", "1"]) is None


def test_stemcell_versions_may_have_underscores_and_have_a_line() -> None:
    assert stemcell_version("2_1") == stemcell_version("2.1")
    assert same_line("621.5", "621.10")
    assert not same_line("621.5", "622.5")


parts = st.lists(st.integers(0, 30).map(str) | st.sampled_from(["a", "rc", "dev"]), min_size=1, max_size=3).map(
    ".".join
)


@given(parts, parts, parts)
def test_the_order_is_total(a: str, b: str, c: str) -> None:
    x, y, z = (release_version(f"{part}-{a}") for part in (a, b, c))
    assert (x < y) + (y < x) + (x == y) == 1
    assert not (x < y < z) or x < z
