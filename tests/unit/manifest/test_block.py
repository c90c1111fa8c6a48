"""The quick reader: what it reads, the full reader reads the same; what it does not know, it leaves."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bosh.manifest import block
from bosh.manifest.emit import dump
from bosh.manifest.full import Reader
from bosh.manifest.values import same

from .samples import CLOUD, MANIFEST


def full(text: str) -> Any:
    return Reader(text, "manifest", allow_duplicates=False).document()


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb:\n  c: [x, y]\n  d: []\ne: {}\n",
        "---\n# note\n- a: 1   # note\n  b: 'it''s'\n-\n  - x\n  - - y\n- ~\n",
        'a:\n- 1\n- b: "q"\nc: |\n  one\n\n   two\n\nd: |-\n  x\n',
        "k: http://x/y#z\nt: 12:30\nv: 010\no:\nm: ((a.b))x\n",
        "",
        "# nothing\n",
        "---\n# nothing\n",
        "a: &x\n  b: 1\nc: *x\nd:\n- *x\ne: &x\n- 2\nf: *x\n",
        "a: {b: 1, c: [x y, ((v)), 'q', {}], d: yes,}  # note\ne: [ ]\nf: [1, [2, 3]]\n",
        "/a/b: 1\nk-x.y: yes\n'q r': s\n",
    ],
)
def test_common_yaml_is_read_as_the_full_reader_reads_it(text: str) -> None:
    assert same(block.read(text), full(text))


@pytest.mark.parametrize(
    "text",
    [
        "word", "a: &x 1\n", "a: *x\n", "a: &x\n  b: *x\n", "a: &x\n- 1\nb: &y\n- *x\nc: *y\n", "a: !t 1\n", "a: >\n  x\n", "y: 1\n", "a: 1\na: 2\n", "a: b: c\n", "a: x\n  y\n",
        "a:\n\t- 1\n", "a: ü\n", "<<: {}\n", "a: 1\n---\nb: 2\n", "a: |\n  x", "a: |2\n  x\n", "- 1\nb: 2\n", "a: \"\\n\"\n", " a: 1\n", "a:b\n",
        "a: [b: 1]\n", "a: {b}\n", "? a\n", "- - - -\n" * 2 + "x", "a: -\n", "1: 2\n", "a: [x\n", "a: 'x\n",
    ],
)  # fmt: skip
def test_anything_else_is_left_to_the_full_reader(text: str) -> None:
    with pytest.raises(block.Unsure):
        block.read(text)


PIECES = [
    "a", "b: ", "- ", "\n", "\n", "  ", " ", "c:", "'x'", '"y"', "1", "|\n", "# c", "[a, b]", "{}", "[]", "-", "x y", ":", "~", "|-\n", "    ",
    "true", "a.b/c: d", "0x1", "  - ", "<<: ", "{a: b, c: [d]}", "[{x: 1}, 'y', ((z))]", "\\", "?", "a: &a\n", "*a", "&a", "\t", ", ",
]  # fmt: skip


def agree(text: str) -> None:
    try:
        quick = block.read(text)
    except block.Unsure:
        return
    assert same(quick, full(text))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_both_readers_agree_on_any_text_that_the_quick_one_reads(text: str) -> None:
    agree(text)


@pytest.mark.parametrize("seed", range(5))
def test_both_readers_agree_on_damaged_manifests(seed: int) -> None:
    chance = random.Random(seed)
    sound = [dump(full(MANIFEST)), dump(full(CLOUD)), MANIFEST]
    for _ in range(40):
        text = chance.choice(sound)
        at = chance.randint(0, len(text))
        agree(text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 3) :])


def test_what_we_write_of_a_manifest_is_read_without_libyaml() -> None:
    text = dump(full(MANIFEST.replace("{port: 80, secret: ((password))}", "{port: 80}")))
    assert same(block.read(text), full(text))
    code = (
        "import sys; from bosh.manifest.documents import load; load('a: [b]\\n', 'x'); sys.exit('yaml' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
