"""SCIM filters: text → tree, and no text is a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uaa.filters import Both, Comparison, FilterError, comparisons, parse


def test_what_the_command_line_sends() -> None:
    """cf CLI: api/uaa/user.go."""
    assert parse('userName eq "a" and origin eq "uaa"') == Both(
        "and", Comparison("userName", "eq", "a"), Comparison("origin", "eq", "uaa")
    )


def test_and_binds_closer_than_or_and_parentheses_closer_than_both() -> None:
    a, b, c = (Comparison(name, "pr") for name in "abc")
    assert parse("a pr or b pr and c pr") == Both("or", a, Both("and", b, c))
    assert parse("(a pr or b pr) and c pr") == Both("and", Both("or", a, b), c)
    assert list(comparisons(parse("a pr or b pr and c pr"))) == [a, b, c]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a EQ "x y\\"z"', 'x y"z'),
        ("a eq 'x'", "x"),
        ("a eq 5", 5),
        ("a eq true", True),
        ("a eq FALSE", False),
        ("a eq null", None),
        ('a eq "and"', "and"),
    ],
)
def test_values(text: str, value: object) -> None:
    assert parse(text) == Comparison("a", "eq", value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a eq",
        "a is 5",
        "a eq 5 b eq 6",
        "(a eq 5",
        "a eq 5)",
        'a eq "x',
        "a eq x",
        "eq",
        "a pr and",
        "a eq [1]",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_tree_or_a_fault(text: str) -> None:
    try:
        parse(text)
    except FilterError:
        return


def test_a_deep_filter_is_a_fault_and_no_crash() -> None:
    for depth in (51, 700, 5000):
        with pytest.raises(FilterError):
            parse("(" * depth + "a pr" + ")" * depth)
