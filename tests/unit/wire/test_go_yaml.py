"""YAML texts as the Go CLI writes them, taken from its own output."""

from __future__ import annotations

import pytest

from bosh.wire import go_yaml


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "1.10",
        "0x1f",
        "012",
        "1e5",
        "12e4",
        "+1",
        ".5",
        "-.inf",
        "true",
        "no",
        "y",
        "~",
        "",
        "null",
        "2020-01-02",
        "1:30",
        "1_000",
        "<<",
    ],
)
def test_text_that_would_read_back_as_something_else_is_quoted(text: str) -> None:
    assert go_yaml.dump({"v": text}) == f'v: "{text}"\n'


@pytest.mark.parametrize(
    "text", ["0+dev.1", "sha256:00ff", "1.2.3", "abc", "truest", "1e5x", "9f86d081", "non-git", "v1"]
)
def test_other_text_is_plain(text: str) -> None:
    assert go_yaml.dump({"v": text}) == f"v: {text}\n"


def test_lists_are_not_indented_and_empty_ones_are_brackets() -> None:
    assert go_yaml.dump({"a": ["x", "*y"], "b": []}) == "a:\n- x\n- '*y'\nb: []\n"


def test_natural_order_counts_digits_and_puts_signs_before_letters() -> None:
    names = ["a10", "a9", "b/c", "a-1", "a/1", "go/1.10", "go/1.9", "a", "x007", "x07", "x10", "x100", "x20"]
    assert go_yaml.natural_order(names) == [
        "a",
        "a-1",
        "a/1",
        "a9",
        "a10",
        "b/c",
        "go/1.9",
        "go/1.10",
        "x07",
        "x007",
        "x10",
        "x20",
        "x100",
    ]


def test_texts_stay_texts() -> None:
    assert go_yaml.load_texts("v: 1.10\nc: 0123456\nd: !binary |-\n  YWJj\n") == {
        "v": "1.10",
        "c": "0123456",
        "d": "abc",
    }


def test_dates_are_texts_and_other_scalars_typed() -> None:
    assert go_yaml.load("d: 2020-01-02\nn: 3\nb: yes\n") == {"d": "2020-01-02", "n": 3, "b": True}


@pytest.mark.parametrize("text", ["a: [", "!!python/object:os.system x", "\x00", "a: !binary '%'"])
def test_what_is_not_plain_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not readable as YAML"):
        go_yaml.load_texts(text) if "binary" in text else go_yaml.load(text)
