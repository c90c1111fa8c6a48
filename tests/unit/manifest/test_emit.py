"""YAML out: go-yaml v2's styles, one row each."""

from __future__ import annotations

import pytest

from bosh.manifest.emit import dump


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"b": 1, "a": {"c": [1, {"d": 2, "e": 3}]}}, "a:\n  c:\n  - 1\n  - d: 2\n    e: 3\nb: 1\n"),
        ([[1, 2], [{"a": 1}], [], {}], "- - 1\n  - 2\n- - a: 1\n- []\n- {}\n"),
        ({"a10": 1, "a9": 2, "a-b": 3, "B": 4}, "B: 4\na-b: 3\na9: 2\na10: 1\n"),
        ({True: 1, 2: 2, "x": 3}, "true: 1\n2: 2\nx: 3\n"),
        ({"k": None}, "k: null\n"),
        ({"k": ""}, 'k: ""\n'),
        (["y", "1", "null", "1.5", "2001-01-01", "1:30", "~"],
         '- "y"\n- "1"\n- "null"\n- "1.5"\n- "2001-01-01"\n- "1:30"\n- "~"\n'),
        (["a: b", "# x", " x", "*x", "x:", "it's: so"],
         "- 'a: b'\n- '# x'\n- ' x'\n- '*x'\n- 'x:'\n- 'it''s: so'\n"),
        (["a\tb", "\x00", "a \nb"], '- "a\\tb"\n- "\\0"\n- "a \\nb"\n'),
        ({"k": "one\ntwo\n"}, "k: |\n  one\n  two\n"),
        ({"k": "one\ntwo"}, "k: |-\n  one\n  two\n"),
        ({"k": "one\n\n"}, "k: |+\n  one\n\n"),
        ({"k": " one\ntwo"}, "k: |2-\n   one\n  two\n"),
        ([1e6, 0.1, 1e-5, 123456789.5, 100000.0, -2.5], "- 1e+06\n- 0.1\n- 1e-05\n- 1.234567895e+08\n- 100000\n- -2.5\n"),
        ({"a\nb": 1}, "? |-\n  a\n  b\n: 1\n"),
        ({"a\nb": {"c": [1]}}, "? |-\n  a\n  b\n: c:\n  - 1\n"),
        ({"k" * 130: ["x"]}, f"? {'k' * 130}\n: - x\n"),
        ({"a10": 1, "a0": 2, "a100": 3, "a1": 4}, "a0: 2\na1: 4\na10: 1\na100: 3\n"),
        ({1.5: "x", None: "y", "z": 0}, 'null: "y"\n1.5: x\nz: 0\n'),
        ("text", "text\n"),
        (None, "null\n"),
    ],
)  # fmt: skip
def test_styles(written: object, text: str) -> None:
    assert dump(written) == text


def test_long_text_is_folded_at_single_blanks_beyond_column_80() -> None:
    text = dump({"k": "word " * 20 + "end"})
    assert [len(line) for line in text.splitlines()] == [82, 25]


def test_what_yaml_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError, match="no form for object"):
        dump([object()])
