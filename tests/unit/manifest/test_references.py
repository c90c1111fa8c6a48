"""Names of variables, and references that must be resolved before parsing."""

from __future__ import annotations

import pytest

from bosh.manifest.references import absolute_name, incorrect_name, references, references_in


@pytest.mark.parametrize("name", ["a", "a-b_c", "/a/b", "!a", "a.b.c", "/d/dep/cert.ca"])
def test_names_that_may_stand_between_the_brackets(name: str) -> None:
    assert incorrect_name(name) == ""


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("a b", "must only contain"),
        ("", "must only contain"),
        ("a!b", "must only contain"),
        ("/a/", "must not end with"),
        ("/a//b", "must not contain two consecutive"),
        ("/a.b/c", "must not contain dots before"),
        ("a..b", "must not have empty parts"),
        (".a", "must not have empty parts"),
        ("a.", "must not have empty parts"),
    ],
)
def test_names_that_may_not(name: str, wrong: str) -> None:
    assert wrong in incorrect_name(name)


def test_a_listed_variable_has_neither_dots_nor_a_bang() -> None:
    assert incorrect_name("a.b", dots=False)
    assert incorrect_name("!a", dots=False)


def test_relative_names_belong_to_the_deployment() -> None:
    assert absolute_name("a", director="d", deployment="dep") == "/d/dep/a"
    assert absolute_name("/a", director="d", deployment="dep") == "/a"


def test_references_are_found_in_reading_order() -> None:
    assert references("x((a))y((!b.c))") == ["a", "!b.c"]
    assert list(references_in({"k": ["((a))", {"l": "((b))((a))"}], "n": 1})) == ["a", "b", "a"]
