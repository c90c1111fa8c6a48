"""YAML in: what bare words mean, where things stand, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bosh.manifest.documents import dump, load
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.scalars import plain_value


def value(text: str) -> object:
    return load(text, "manifest").value


def fault(text: str) -> str:
    with pytest.raises(ManifestFaults) as caught:
        load(text, "manifest")
    assert caught.value.code == 710000
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("y", True),
        ("No", False),
        ("ON", True),
        ("yEs", "yEs"),
        ("~", None),
        ("010", 8),
        ("0o17", 15),
        ("0x1f", 31),
        ("-0b11", -3),
        ("1_000", 1000),
        ("08", 8.0),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.2.3", "1.2.3"),
        ("+.inf", math.inf),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 1.8446744073709552e19),
        ("1e999", "1e999"),
        ("2001-01-01", "2001-01-01"),
        ("12:30:45", "12:30:45"),
        ("-", "-"),
        ("1.10", 1.1),
    ],
)
def test_bare_words_mean_what_go_yaml_v2_takes_them_for(text: str, meant: object) -> None:
    found = plain_value(text)
    assert (found, type(found)) == (meant, type(meant))


def test_quotes_and_tags_decide_before_the_word_does() -> None:
    assert value("{a: 'y', b: \"1\", c: !!str 1, d: !!float 1, e: !!int '3', f: !!binary aGk=, g: !mine 1}") == {
        "a": "y",
        "b": "1",
        "c": "1",
        "d": 1.0,
        "e": 3,
        "f": "hi",
        "g": "1",
    }


def test_a_bare_key_n_is_a_boolean() -> None:
    assert value("n: 1") == {False: 1}


def test_only_the_first_document_is_read() -> None:
    assert value("a: 1\n---\nb: 2\n") == {"a": 1}
    assert value("") is None


def test_merge_keys_are_applied_in_the_order_written_and_list_members_from_the_last() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  a: 0\n  <<: [*x, *y]\n  c: 5\n"
    assert value(text)["z"] == {"a": 1, "b": 2, "c": 5}  # type: ignore[index]


def test_an_alias_is_a_value_of_its_own() -> None:
    read = value("a: &a {k: 1}\nb: *a\n")
    read["a"]["k"] = 2  # type: ignore[index]
    assert read["b"] == {"k": 1}  # type: ignore[index]


def test_places_are_those_of_keys_and_items() -> None:
    document = load("a:\n- b: 1\n  c:\n    d: 2\n-  e\n", "manifest")
    assert document.place(("a", 0, "c", "d")) == (4, 5)
    assert document.place(("a", 1)) == (5, 4)
    assert document.place(("a", 0, "missing", 3)) == (2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 'manifest:3:1: a: key "a" is there twice'),
        ("a: *b\n", "manifest:1:4: a: unknown anchor 'b' referenced"),
        ("a: &a [*a]\n", "manifest:1:8: a[0]: anchor 'a' value contains itself"),
        ("a: [1\n", "manifest:2:1: while parsing a flow sequence, did not find expected ',' or ']'"),
        ("a: b: c\n", "manifest:1:5: mapping values are not allowed in this context"),
        ("{[1]: 2}", "manifest:1:2: a map or a list cannot be a key"),
        ("<<: 1", "manifest:1:5: map merge requires map or sequence of maps as the value"),
        ("a: !!int x", "manifest:1:4: a: cannot decode `x` as a !!int"),
        ("[" * 250 + "]" * 250, "manifest:1:202: nested more than 200 levels deep"),
    ],
)
def test_what_is_refused_is_named_with_line_and_column(text: str, said: str) -> None:
    assert fault(text) == said


def test_duplicates_may_be_allowed_as_go_yaml_does() -> None:
    assert load("a: 1\na: 2\n", "manifest", allow_duplicates=True).value == {"a": 2}


def test_a_billion_laughs_is_refused_before_it_is_expanded() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "excessive aliasing" in fault("\n".join(lines))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False).map(lambda number: number + 0.0)
    | texts
)
# Minus zero is written "-0", which reads back as the whole number zero.
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@settings(max_examples=150, deadline=None)
@given(values)
def test_what_is_written_reads_back_the_same(written: object) -> None:
    read = value(dump(written))
    assert read == written
    assert dump(read) == dump(written)


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1 \n-:#&*!|>'\"{}[],?<~\t%@\\é\x00"), max_size=40))
def test_any_text_is_read_or_refused_with_a_fault(text: str) -> None:
    try:
        document = load(text, "manifest", allow_duplicates=True)
    except ManifestFaults:
        return
    assert value(dump(document.value)) == document.value
