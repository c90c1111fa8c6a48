"""The same input to the Go ``bosh int`` and to our rooms: the same bytes out, the same complaints.

Runs where ``BOSH_GO_CLI`` names the Go CLI.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.manifest.documents import dump, load
from bosh.manifest.interpolate import FirstFound, StaticVariables, evaluate, rendered
from bosh.manifest.patch import operations
from bosh.variables.file_store import FileStore
from bosh.wire.errors import BoshError, causes

CLI = os.environ.get("BOSH_GO_CLI", "")
pytestmark = [
    pytest.mark.compat,
    pytest.mark.skipif(not Path(CLI).is_file(), reason="BOSH_GO_CLI does not name the Go bosh CLI"),
]

WORDS = [
    "y", "n", "Yes", "ON", "off", "true", "null", "~", "", "1", "08", "010", "0x1f", "1_000", "-", "---", "a: b", "a:", "a #b",
    ":x", ": x", "? x", "-x", "x ", " x", "é", "a\tb", "a\nb", "a\n", "\na", "a\n\n", " a\nb", "a \nb", "'q'", '"d"', "@x", "&a",
    "*a", "!x", "|", "%x", "{a}", "1:30", "1.5", "1e3", ".5", "2001-01-01", "2001-13-01", "=", "0b11", ".inf", ".nan", "x" * 200,
    "long words " * 20, "quoted: long " * 15, "\x00", "\x07", "😀", "key with space", "a1", "a2", "a10", "A", "_a", "a-b",
]  # fmt: skip
NUMBERS = [0, -1, 10**18, 2**63, 1.5, 1e21, 123456789.123, 0.00001, True, False, None]


def go(*arguments: str, stdin: str = "") -> tuple[int, str]:
    """Exit code, and what was printed or complained of."""
    done = subprocess.run(
        [CLI, "int", *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def complaint(error: BoshError) -> str:
    return ":\n".join("  " * depth + str(layer.args[0]) for depth, layer in enumerate(causes(error)))


def agree(theirs: tuple[int, str], make: Callable[[], str]) -> None:
    """Ours is byte for byte what the Go CLI printed, or, where it failed, part of what it complained of."""
    try:
        ours = (0, make())
    except BoshError as error:
        # Which fields of a bad operation Go shows depends on its encoder; the sentence before them counts.
        ours = (1, complaint(error).split(" within\n")[0])
    assert ours == theirs if theirs[0] == 0 else (ours[0] == 1 and ours[1] in theirs[1])


def tree(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.5:
        return chance.choice(WORDS) if chance.random() < 0.8 else chance.choice(NUMBERS)
    if kind < 0.75:
        return [tree(chance, depth + 1) for _ in range(chance.randint(0, 4))]
    return {chance.choice(WORDS): tree(chance, depth + 1) for _ in range(chance.randint(0, 4))}


def as_yaml(value: Any) -> str:
    """JSON that YAML reads alike: no surrogate pairs."""
    return json.dumps(value).replace("\\ud83d\\ude00", "\\U0001F600")


@pytest.mark.parametrize("seed", range(20))
def test_documents_come_out_the_same(seed: int) -> None:
    text = as_yaml([tree(random.Random(seed)) for _ in range(20)])
    assert go("/dev/stdin", stdin=text) == (0, dump(load(text, "x").value))


HAND_WRITTEN = [
    "n: yes\ny: on\n2: 010\n",
    "a: &a {x: 1}\nb: *a\nc:\n  <<: *a\n  y: 2\n",
    "a: !!str 1\nb: !!binary aGk=\nc: !!float 1\nd: '1'\n",
    "t: 2001-12-14t21:59:43.10-05:00\nu: 1:30\n",
    "s: |\n  a\n   b\n\nf: >\n  x\n  y\n",
    "",
    "a: 1\na: 2\n",
    "- 1\n---\n- 2\n",
]


@pytest.mark.parametrize("text", HAND_WRITTEN)
def test_hand_written_yaml_is_read_the_same(text: str) -> None:
    assert go("/dev/stdin", stdin=text) == (0, dump(load(text, "x", allow_duplicates=True).value))


DOCUMENT = """\
name: dep
groups:
- name: web
  jobs: [{name: a, properties: {p: 1}}, {name: b}]
- name: db
list: [1, 2, 3]
"a/b": {"c:d": 1}
"""

OPS: list[list[dict[str, Any]]] = [
    [{"type": "replace", "path": "/groups/name=web/jobs/name=a/properties/q?/r", "value": "v"}],
    [{"type": "replace", "path": "/groups/name=new?/jobs?/-", "value": {"name": "c"}}],
    [{"type": "replace", "path": "/groups/name=web:before", "value": {"name": "first"}}],
    [{"type": "replace", "path": "/list/-1:prev:after", "value": 9}],
    [{"type": "remove", "path": "/groups/name=db"}, {"type": "remove", "path": "/none?/x"}],
    [{"type": "replace", "path": "/a~1b/c~7d", "value": [None, {}]}],
    [{"type": "test", "path": "/name", "value": "dep"}, {"type": "test", "path": "/none", "absent": True}],
    [{"type": "replace", "path": "/nam", "value": 1, "error": "my own text"}],
    [{"type": "replace", "path": "/groups/name=wbe/x", "value": 1}],
    [{"type": "replace", "path": "/list/7", "value": 1}],
    [{"type": "replace", "path": "/name/x", "value": 1}],
    [{"type": "remove", "path": "/list/-"}],
    [{"type": "remove", "path": ""}],
    [{"type": "test", "path": "/name", "value": "other"}],
    [{"type": "repalce", "path": "/x"}],
    [{"type": "replace", "path": "/x"}],
    [{"type": "replace", "path": "/x:prev", "value": 1}],
]


@pytest.mark.parametrize("ops", OPS, ids=[str(ops[-1].get("path")) for ops in OPS])
def test_ops_files_do_the_same_and_fail_the_same(ops: list[dict[str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "ops.yml"
    file.write_text(json.dumps(ops))
    theirs = go("/dev/stdin", "-o", str(file), stdin=DOCUMENT)
    agree(theirs, lambda: dump(evaluate(load(DOCUMENT, "d").value, StaticVariables({}), operations(ops, str(file)))))


CASES: list[tuple[str, Mapping[str, Any], dict[str, bool]]] = [
    ("a: ((n))\nb: x((n))y((!n))\nc: (( n ))\nd: x(( n ))\n((k)): 1\n", {"n": 5, "k": "key"}, {}),
    ("a: ((m.k.0))\nb: ((m.1))\n", {"m": {"k": ["z"], "1": "one"}}, {}),
    ("a: ((a))\n", {"a": "((b))", "b": 1}, {}),
    ("a: ((m.x))\n", {"m": {"k": 1}}, {}),
    ("a: x((m))\n", {"m": {"k": [1, None]}}, {}),
    ("a: x((f))\n", {"f": 1.5}, {}),
    ("a: ((none))\n", {}, {}),
    ("a: [((z)), ((b))]\n", {"c": 1, "d": 2}, {"expect_all_found": True, "expect_all_used": True}),
    ("variables: [{name: a, options: ((b))}, {name: b, options: ((b))}]\n", {}, {}),
]
FLAGS = {"expect_all_found": "--var-errs", "expect_all_used": "--var-errs-unused"}


@pytest.mark.parametrize(("text", "values", "flags"), CASES)
def test_variables_are_put_in_the_same(
    text: str, values: Mapping[str, Any], flags: dict[str, bool], tmp_path: Path
) -> None:
    file = tmp_path / "vars.yml"
    file.write_text(json.dumps(values))
    theirs = go("/dev/stdin", "-l", str(file), *(FLAGS[flag] for flag in flags), stdin=text)
    agree(theirs, lambda: dump(evaluate(load(text, "d").value, StaticVariables(values), **flags)))


@pytest.mark.parametrize("path", ["/name", "/groups/name=web/jobs", "/list/0", "/groups/0/name", "/none", "/list/-"])
def test_paths_find_the_same(path: str) -> None:
    theirs = go("/dev/stdin", "--path", path, stdin=DOCUMENT)
    agree(theirs, lambda: rendered(evaluate(load(DOCUMENT, "d").value, StaticVariables({}), path=path), path=path))


STORE = """\
variables:
- {name: pw, type: password}
- {name: short, type: password, options: {length: 5}}
- {name: key, type: ssh}
- {name: pair, type: rsa}
- {name: ca, type: certificate, options: {is_ca: true, common_name: ca, key_length: 2048}}
- {name: leaf, type: certificate, options: {ca: ca, common_name: ((pw)), alternative_names: [a.b, 10.0.0.1], key_length: 2048}}
a: ((pw))
b: ((leaf.ca))
"""


@pytest.mark.slow
def test_each_side_reads_the_variable_store_that_the_other_made(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs.yml", tmp_path / "ours.yml"
    code, made = go("/dev/stdin", "--vars-store", str(theirs), "--var-errs", stdin=STORE)
    assert (code, made) == (0, dump(evaluate(load(STORE, "d").value, FirstFound([FileStore(theirs)]))))
    made = dump(evaluate(load(STORE, "d").value, FileStore(ours)))
    assert go("/dev/stdin", "--vars-store", str(ours), "--var-errs", stdin=STORE) == (0, made)
    their_store, our_store = (load(file.read_text(), "s").value for file in (theirs, ours))
    assert {name: _shape(value) for name, value in their_store.items()} == {
        name: _shape(value) for name, value in our_store.items()
    }


def _shape(value: Any) -> Any:
    """What kind of value it is: keys, PEM headings, lengths of passwords."""
    if isinstance(value, dict):
        return {key: _shape(child) for key, child in value.items()}
    return (
        value.splitlines()[0]
        if value.startswith("-----")
        else len(value.split()[0])
        if "ssh-rsa" not in value
        else "ssh-rsa"
    )


@pytest.mark.parametrize(
    "entry",
    [
        "{name: a, type: user}",
        "{name: a, type: password, options: {size: 3}}",
        "{name: a, type: password, options: {length: -3}}",
        "{name: a, type: certificate, options: {common_name: x}}",
        "{name: a, type: certificate, options: {ca: b}}",
        "{name: a, type: certificate, options: {is_ca: true, key_length: 1000}}",
    ],
)
def test_the_store_refuses_the_same_definitions(entry: str, tmp_path: Path) -> None:
    text = f"variables: [{entry}]"
    code, said = go("/dev/stdin", "--vars-store", str(tmp_path / "theirs.yml"), stdin=text)
    assert code == 1
    with pytest.raises(BoshError) as caught:
        evaluate(load(text, "d").value, FileStore(tmp_path / "ours.yml"))
    last = [str(layer.args[0]) for layer in causes(caught.value)][-1]
    assert last.split(": ")[-1] in " ".join(said.split()).replace("  ", " ") or last.split(": ")[-1] in said
