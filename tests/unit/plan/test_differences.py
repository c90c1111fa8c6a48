from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.plan.differences import differences, told


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({"a": 1}, {"a": 1}, "", id="nothing"),
        pytest.param({"memory_mb": 512}, {"memory_mb": 1024}, "memory_mb 512 → 1024", id="a value"),
        pytest.param({"a": {"b": {"c": "x"}}}, {"a": {"b": {"c": "y"}}}, "a.b.c x → y", id="a value deep down"),
        pytest.param({"a": [{"n": 1}, 2]}, {"a": [{"n": 3}, 2]}, "a[0].n 1 → 3", id="a value in a list"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, "a [1] → [1, 2]", id="a list that grew"),
        pytest.param({}, {"a": None}, "a null added", id="a new name, though null"),
        pytest.param({"a": True}, {}, "a true removed", id="a name gone"),
        pytest.param(1, "1", "1 → 1", id="a number and its text are two things"),
        pytest.param("", "x", '"" → x', id="nothing is shown as such"),
        pytest.param({f"k{n}": 0 for n in range(5)}, {}, "k0 0 removed, k1 0 removed, k2 0 removed and 2 more", id="only some are told"),
        pytest.param({"a": "x" * 99}, {"a": 1}, f"a {'x' * 59}… → 1", id="long values are cut"),
        pytest.param({"bosh": {"password": "p"}}, {"bosh": {"password": "q"}}, "bosh.password (hidden) → (hidden)", id="secrets are not told"),
        pytest.param({}, {"env": {"api_key": "k", "n": 1}}, 'env {"api_key": "(hidden)", "n": 1} added', id="nor those inside"),
        pytest.param({}, {"list": [{"token": "t"}]}, 'list [{"token": "(hidden)"}] added', id="nor those in lists"),
    ],
)  # fmt: skip
def test_told(old, new, expected: str) -> None:
    assert told(old, new) == expected


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("xyz"), below, max_size=3),
    max_leaves=6,
)


@given(values, values)
def test_there_are_differences_exactly_when_the_values_differ(old, new) -> None:
    assert bool(list(differences(old, new))) == (old != new)
