"""Variables in templates: types, places, definitions and complaints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.manifest.interpolate import (
    Definition,
    FirstFound,
    InterpolationError,
    StaticVariables,
    evaluate,
    rendered,
)  # fmt: skip
from bosh.manifest.patch import operations
from bosh.wire.errors import joined


def put_in(document: Any, values: dict[str, Any], **rest: Any) -> Any:
    return evaluate(document, StaticVariables(values), **rest)


class Generating:
    """A store that makes a value of whatever has a type, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.made: list[Definition] = []

    def get(self, definition: Definition) -> tuple[Any, bool]:
        if not definition.type:
            return None, False
        self.made.append(definition)
        return f"made {definition.name}", True

    def names(self) -> list[str]:
        return []


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("((n))", 5),
        ("((!n))", 5),
        ("(( n ))", 5),
        ("((m))", {"k": [1], "1": "one"}),
        ("((m.k.0))", 1),
        ("((m.1))", "one"),
        ("a((n))b((s))", "a5bx"),
        ("a(( n ))", "a(( n ))"),
        ("((none)) ((n))", "((none)) 5"),
        ("((s))((", "x(("),
        ("((self))", "((self))"),
    ],
)
def test_values_keep_their_type_alone_and_become_text_inside_text(text: str, result: Any) -> None:
    values = {"n": 5, "s": "x", "m": {"k": [1], "1": "one"}, "self": "((self))"}
    assert put_in(text, values) == result


def test_keys_and_items_are_interpolated_too() -> None:
    assert put_in({"((k))": ["((k))", {"a": "-((k))"}]}, {"k": "v"}) == {"v": ["v", {"a": "-v"}]}


def test_dotted_names_given_make_maps() -> None:
    assert put_in("((a))", {"a.b": 1, "a.c.d": 2}) == {"b": 1, "c": {"d": 2}}
    with pytest.raises(InterpolationError, match=r"cannot set variable 'a\.b'"):
        StaticVariables({"a": 1, "a.b": 2})


def test_definitions_with_a_type_are_made_in_order_and_leave_the_list() -> None:
    store = Generating()
    document = {
        "variables": [
            {"name": "ca", "type": "certificate", "options": {"name": "((name))"}},
            {"name": "pw", "type": "password"},
            {"name": "free"},
        ],
        "v": "((pw))",
    }
    result = evaluate(document, FirstFound([StaticVariables({"name": "n"}), store]))
    assert result == {"variables": [{"name": "free"}], "v": "made pw"}
    assert [(each.name, each.options) for each in store.made[:2]] == [("ca", {"name": "n"}), ("pw", None)]


def test_a_definition_waits_for_variables_in_its_options() -> None:
    store = Generating()
    document = {"variables": [{"name": "ca", "type": "certificate", "options": {"cn": "((missing))"}}], "v": "((ca))"}
    assert evaluate(document, store)["v"] == "((ca))"
    assert store.made == []


@pytest.mark.parametrize(
    ("document", "values", "said"),
    [
        ("a((f))", {"f": 1.5}, "Invalid type 'float64' for value '1.5' and variable 'f'. Supported types"),
        ("a((b))", {"b": True}, "Invalid type 'bool' for value 'true'"),
        ("a((m))", {"m": {"b": [None, 1]}}, "Invalid type 'map[interface {}]interface {}' for value 'map[b:[<nil> 1]]'"),
        ("((m.x))", {"m": {"y": 1}}, "Finding variable 'm.x': Expected to find a map key 'x' for path '/x' (found map keys: 'y')"),
        ({"variables": [{"name": "a", "options": "((b))"}, {"name": "b", "options": "((a))"}]}, {},
         "Interpolating variable 'a' definition options: Detected recursion"),
        ({"variables": {}}, {}, "cannot read 'variables'"),
        ({"((m))": 1}, {"m": {}}, "cannot use variable ((m)) as a key"),
    ],
)  # fmt: skip
def test_complaints(document: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        put_in(document, values)
    assert said in joined(caught.value)


def test_missing_and_unused_variables_are_listed_together_when_asked_for() -> None:
    with pytest.raises(InterpolationError) as caught:
        put_in(["((z))", "((a.b))", "((used))"], {"used": 1, "c": 1}, expect_all_found=True, expect_all_used=True)
    assert caught.value.brief == (
        "- Expected to find variables:\n    - a\n    - z\n- Expected to use variables:\n    - c"
    )


def test_ops_come_first_then_variables_then_the_path() -> None:
    ops = operations([{"type": "replace", "path": "/a/b?", "value": "((v))"}], "o")
    assert put_in({"a": {}}, {"v": "text"}, ops=ops, path="/a/b") == "text"
    assert rendered("text", path="/a/b") == "text\n"
    assert rendered("true") == '"true"\n'
    assert rendered({"a": [1]}, path="/x") == "a:\n- 1\n"


plain = st.text(st.characters(exclude_characters="("), max_size=8)
documents = st.recursive(
    plain | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3)
)


@given(documents, documents)
def test_a_document_without_references_stays_and_a_value_comes_out_as_it_went_in(document: Any, value: Any) -> None:
    if isinstance(document, dict):
        document.pop("variables", None)
    assert put_in({"d": document, "v": "((x))"}, {"x": value}) == {"d": document, "v": value}
