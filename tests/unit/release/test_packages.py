"""Dependencies between packages."""

from __future__ import annotations

import pytest

from bosh.release import packages
from bosh.wire.errors import ReleaseInvalidPackage


def test_a_circle_is_shown() -> None:
    with pytest.raises(ReleaseInvalidPackage, match="Cycle: a=>b=>c=>a"):
        packages.check_dependencies({"a": ["b"], "b": ["c"], "c": ["a"]})


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ReleaseInvalidPackage, match="package 'x' since it's a dependency of package 'a'"):
        packages.check_dependencies({"a": ["x"]})


def test_two_ways_to_one_package_are_no_circle() -> None:
    packages.check_dependencies({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []})


def test_a_wide_and_deep_graph_takes_no_exponential_time() -> None:
    graph = {
        f"{level}.{n}": [f"{level + 1}.{m}" for m in range(4)] if level < 60 else []
        for level in range(61)
        for n in range(4)
    }
    packages.check_dependencies(graph)
    assert len(packages.closure(["0.0"], graph)) == 241


def test_closure_has_dependencies_first() -> None:
    assert packages.closure(["a", "b"], {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) == ("d", "b", "c", "a")
