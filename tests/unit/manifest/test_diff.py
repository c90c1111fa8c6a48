"""Diffs, line by line as the original prints them."""

from __future__ import annotations

from typing import Any

import pytest

from bosh.manifest.diff import lines, redacted_url
from bosh.manifest.psych import psych_lines


def shown(old: dict[str, Any], new: dict[str, Any], *, redact: bool = True) -> list[str]:
    marks = {"": " ", "added": "+", "removed": "-"}
    return [marks[line.state] + line.text for line in lines(old, new, redact=redact)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"name": "x"}, ["+name: x"]),
        ({"a": 1, "b": None}, {"a": 2}, ["-a: 1", " ", "+a: 2"]),
        ({"x": {"w": 1, "z": 2}}, {"x": {"w": 1, "z": 3}}, [" x:", "-  z: 2", "+  z: 3"]),
        ({"l": [1, 2]}, {"l": [2, 3]}, [" l:", "+- 3", "-- 1"]),
        (
            {"l": [{"name": "p", "v": 1}, {"name": "q"}]},
            {"l": [{"name": "p", "v": 2}, {"name": "q"}]},
            [" l:", " - name: p", "-  v: 1", "+  v: 2"],
        ),
        (
            {"l": [{"range": "r", "v": 1}]},
            {"l": [{"range": "r", "v": 1, "w": 2}]},
            [" l:", " - range: r", "+  w: 2"],
        ),
        ({"l": [{"name": "p"}]}, {"l": [{"name": "q"}]}, [" l:", "+- name: q", "-- name: p"]),
        (
            {"update": {"c": 1}, "azs": [{"name": "z"}]},
            {"update": {"c": 2}, "name": "dep", "other": 1},
            ["-azs:", "-- name: z", " ", " update:", "-  c: 1", "+  c: 2", " ", "+name: dep", " ", "+other: 1"],
        ),
    ],
)
def test_changes_are_shown_in_sections(old: dict[str, Any], new: dict[str, Any], expected: list[str]) -> None:
    assert shown(old, new) == expected


def test_secrets_are_hidden_and_their_change_is_still_seen() -> None:
    old = {"jobs": [{"name": "j", "properties": {"pw": "old", "l": [1]}, "env": {"bosh": {"password": "x"}}}]}
    new = {"jobs": [{"name": "j", "properties": {"pw": "new", "l": [1]}, "env": {"bosh": {"password": "x"}}}]}
    assert shown(old, new) == [
        " jobs:",
        " - name: j",
        "   properties:",
        '-    pw: "<redacted>"',
        '+    pw: "<redacted>"',
    ]
    assert shown(old, new, redact=False)[-1] == "+    pw: new"


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("https://me:secret@host/a.tgz", "https://<redacted>:<redacted>@host/a.tgz"),
        ("https://host/a.tgz", "https://host/a.tgz"),
        ("https://[bad", "https://[bad"),
    ],
)
def test_credentials_in_release_urls_are_hidden(url: str, hidden: str) -> None:
    assert redacted_url(url) == hidden
    release = {"releases": [{"name": "r", "url": url}]}
    assert shown({}, release)[-1] == f"+  url: {hidden}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": None}, ["b: 1", "a:"]),
        (["y", "yes", "1", "1.5", "", "((v))", ":s", "a: b", "plain", "2001-01-01", "12:30"],
         ['- "y"', "- 'yes'", "- '1'", "- '1.5'", "- ''", '- "((v))"', '- ":s"', "- 'a: b'", "- plain", "- '2001-01-01'", "- '12:30'"]),
        ([True, 1.0, 1e20, [], {}, [1, [2]]], ["- true", "- 1.0", "- 1.0e+20", "- []", "- {}", "- - 1", "  - - 2"]),
        ({"k": "a\nb\n"}, ["k: |", "  a", "  b"]),
    ],
)  # fmt: skip
def test_lines_are_ruby_yaml(value: Any, expected: list[str]) -> None:
    assert psych_lines(value) == expected
