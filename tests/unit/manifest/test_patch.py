"""Ops files: go-patch's semantics and texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bosh.manifest.patch import PatchError, apply, find, operations
from bosh.manifest.pointer import AfterLast, Index, Key, Match, PointerError, pointer, pointer_text
from bosh.manifest.values import clone


def patched(document: Any, *definitions: dict[str, Any]) -> Any:
    return apply(operations(list(definitions), "ops.yml"), document)


def failure(document: Any, *definitions: dict[str, Any]) -> str:
    with pytest.raises(PatchError) as caught:
        patched(document, *definitions)
    return caught.value.brief


def replace(path: str, value: Any = "v") -> dict[str, Any]:
    return {"type": "replace", "path": path, "value": value}


@pytest.mark.parametrize(
    ("document", "path", "result"),
    [
        ({"a": 1}, "", "v"),
        ({"a": 1}, "/a", {"a": "v"}),
        ({}, "/a?", {"a": "v"}),
        ({}, "/a?/b/c", {"a": {"b": {"c": "v"}}}),
        ({}, "/a?/-", {"a": ["v"]}),
        ({}, "/a?/name=x/k", {"a": [{"name": "x", "k": "v"}]}),
        ({"a": []}, "/a/name=x?", {"a": ["v"]}),
        ([1, 2], "/0", ["v", 2]),
        ([1, 2], "/-1", [1, "v"]),
        ([1, 2], "/0:before", ["v", 1, 2]),
        ([1, 2], "/-1:after", [1, 2, "v"]),
        ([1, 2, 3], "/0:next", [1, "v", 3]),
        ([1, 2, 3], "/-1:prev:before", [1, "v", 2, 3]),
        ([{"n": "x"}, {"n": "y"}], "/n=x:next/k?", [{"n": "x"}, {"n": "y", "k": "v"}]),
        ({"a/b": {"c:d": 1, "e~f": 2}}, "/a~1b/c~7d", {"a/b": {"c:d": "v", "e~f": 2}}),
    ],
)
def test_replace(document: Any, path: str, result: Any) -> None:
    assert patched(document, replace(path)) == result


@pytest.mark.parametrize(
    ("document", "path", "result"),
    [
        ({"a": 1, "b": 2}, "/a", {"b": 2}),
        ({"a": 1}, "/b?", {"a": 1}),
        ([1, 2], "/0", [2]),
        ({"l": [{"n": "x"}]}, "/l/n=x", {"l": []}),
        ({"l": []}, "/l/n=x?/k", {"l": []}),
    ],
)
def test_remove(document: Any, path: str, result: Any) -> None:
    assert patched(document, {"type": "remove", "path": path}) == result


@pytest.mark.parametrize(
    ("document", "definition", "said"),
    [
        ({"b": 1, "a": 2}, replace("/x"), "Expected to find a map key 'x' for path '/x' (found map keys: 'a', 'b')"),
        ({}, replace("/x"), "Expected to find a map key 'x' for path '/x' (found no other map keys)"),
        ({"a": 1}, replace("/a/b"), "Expected to find a map at path '/a/b' but found 'int'"),
        (None, replace("/a"), "Expected to find a map at path '/a' but found '<nil>'"),
        ({"a": "x"}, replace("/a/0"), "Expected to find an array at path '/a/0' but found 'string'"),
        ([1], replace("/3"), "Expected to find array index '3' but found array of length '1' for path '/3'"),
        ([1], replace("/n=x"), "Expected to find exactly one matching array item for path '/n=x' but found 0"),
        ([{"n": "x"}] * 2, replace("/n=x"), "for path '/n=x' but found 2"),
        ([{"n": 1}], replace("/n=1"), "but found 0"),
        ({}, replace("/a?/0"), "Expected to find key, matching index or after last index token at path '/a?/0'"),
        ([[1]], replace("/-/a"), "Expected to find a map at path '/-' but found '[]interface {}'"),
        ([1], replace("/0:before/a"), "found modifier 'patch.BeforeModifier'"),
        ([1], replace("/0:before:after"), "after 'before' modifier, but found modifier 'patch.AfterModifier'"),
        ({}, {"type": "remove", "path": ""}, "Cannot remove entire document"),
        ([1], {"type": "remove", "path": "/-"}, "Expected to not find token 'patch.AfterLastIndexToken' at path '/-'"),
        ({"a": 1}, {"type": "test", "path": "/a", "value": 1.0}, "Found value does not match expected value"),
        ({"a": 1}, {"type": "test", "path": "/a", "absent": True}, "Expected to not find '/a'"),
        ({"a": 1}, {"type": "test", "path": "/b/c", "absent": True}, "Expected to find a map key 'b' for path '/b'"),
    ],
)
def test_failures_name_the_operation_and_say_what_was_expected(
    document: Any, definition: dict[str, Any], said: str
) -> None:
    text = failure(document, definition)
    assert text.startswith("Error 'operation [0] in ops.yml failed': ")
    assert said in text


@pytest.mark.parametrize(
    ("document", "definition"),
    [
        ({"a": [1]}, {"type": "test", "path": "/a", "value": [1]}),
        ({"a": 1}, {"type": "test", "path": "/b", "absent": True}),
        ([1], {"type": "test", "path": "/1", "absent": True}),
    ],
)
def test_tests_that_hold_change_nothing(document: Any, definition: dict[str, Any]) -> None:
    assert patched(clone(document), definition) == document


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"type": "repalce", "path": "/a"}, "Building ops: Unknown operation [0] with type 'repalce' within\n{"),
        ({"type": "replace", "path": "/a"}, "Replace operation [0]: Missing value within\n"),
        ({"type": "replace", "path": "/a", "value": None}, "Missing value within"),
        ({"type": "replace", "value": 1}, "Missing path within"),
        ({"type": "remove", "path": "/a", "value": 1}, "Remove operation [0]: Cannot specify value within"),
        ({"type": "test", "path": "/a"}, "Test operation [0]: Missing value or absent within"),
        ({"type": "replace", "path": "a", "value": 1}, "Invalid path: Expected to start with '/' within"),
        ({"type": "replace", "path": "/0:last", "value": 1}, "or 'after' but found 'last'"),
        ({"type": "replace", "path": "/a:prev", "value": 1}, "Expected not to find any modifiers with key token"),
        ({"type": "replace", "path": "/-:prev", "value": 1}, "modifiers with after last index token"),
    ],
)
def test_operations_that_are_none_are_refused_without_showing_values(definition: dict[str, Any], said: str) -> None:
    text = failure({}, definition)
    assert said in text
    assert '"Error": "operation [0] in ops.yml failed"' in text
    assert ('"Value": "<redacted>"' in text) == (definition.get("value") is not None)


def test_an_ops_file_is_a_list_or_nothing() -> None:
    assert operations(None, "x") == ()
    with pytest.raises(PatchError, match="Deserializing ops file 'x'"):
        operations({}, "x")


def test_a_value_put_in_twice_is_two_values() -> None:
    ops = operations([replace("/-", {"k": 1}), replace("/-", {"k": 1})], "o")
    document = apply((ops[0], ops[0]), [])
    document[0]["k"] = 2
    assert document[1] == {"k": 1}


def test_optional_is_sticky_in_paths_and_shown_once() -> None:
    path = pointer("/a?/b=c/0:next/-")
    assert path == (Key("a", True), Match("b", "c", True), Index(0, ("next",)), AfterLast())
    assert pointer_text(path) == "/a?/b=c/0:next/-"


@pytest.mark.parametrize(
    ("path", "found"),
    [("/a?", None), ("/a?/b", None), ("/a?/n=x", {"n": "x"}), ("/l/n=x?/k?", None), ("/l/0", 1), ("", {"l": [1]})],
)
def test_finding_what_is_optional_and_absent_imagines_it(path: str, found: Any) -> None:
    assert find(pointer(path), {"l": [1]}) == found


def test_finding_an_index_in_what_is_absent_is_refused() -> None:
    with pytest.raises(PatchError, match="Expected to find key or matching index token at path '/a\\?/0'"):
        find(pointer("/a?/0"), {})


def test_finding_past_the_end_is_refused() -> None:
    with pytest.raises(PatchError, match="not supported in find operations"):
        find(pointer("/-"), [1])
    with pytest.raises(PointerError):
        pointer("x")


names = st.text("abc~/:=?-0", min_size=1, max_size=4)
documents = st.recursive(
    st.integers() | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(documents, st.integers())
def test_what_was_put_at_a_path_is_found_there_and_can_be_removed(document: Any, value: int) -> None:
    document = {"root": document}
    before = clone(document)
    after = patched(document, replace("/new?/list?/-", value))
    assert find(pointer("/new/list/0"), after) == value
    assert patched(after, {"type": "remove", "path": "/new"}) == before


@given(names)
def test_paths_read_back_as_they_are_written(name: str) -> None:
    path = (Key(name),)
    text = pointer_text(path)
    if pointer(text) != path:
        # A name that looks like another kind of token has no spelling as a key.
        assert name.endswith("?") or "=" in name or name == "-" or name.lstrip("-").isdecimal()
