"""``--vars-store`` files: found, made, saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from bosh.manifest.documents import load
from bosh.manifest.interpolate import FirstFound, InterpolationError, StaticVariables, evaluate
from bosh.system.clock import FakeClock
from bosh.variables.certificates import issue
from bosh.variables.file_store import FileStore
from bosh.wire.errors import joined


def test_values_are_made_in_order_saved_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "creds.yml"
    text = (
        "a: ((pw))\nvariables:\n- {name: pw, type: password}\n- {name: other, type: password, options: {length: 3}}\n"
    )
    first = evaluate(load(text, "m").value, FileStore(path, clock=FakeClock()))
    again = evaluate(load(text, "m").value, FileStore(path, clock=FakeClock()))
    assert first == again == {"a": load(path.read_text(), "c").value["pw"], "variables": []}
    assert len(load(path.read_text(), "c").value["other"]) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(FileStore(path).names()) == ["other", "pw"]


def test_a_ca_may_come_from_given_variables(tmp_path: Path) -> None:
    ca = issue(common_name="ca", is_ca=True, country="US", not_before=FakeClock().now())
    given = StaticVariables({"ca": {"certificate": ca.certificate, "private_key": ca.private_key}})
    store = FileStore(tmp_path / "c.yml", clock=FakeClock())
    text = "variables:\n- {name: leaf, type: certificate, options: {ca: ca, common_name: x, key_length: 2048}}\nv: ((leaf.ca))\n"
    assert evaluate(load(text, "m").value, FirstFound([given, store]))["v"] == ca.certificate


@pytest.mark.parametrize(
    ("content", "entry", "said"),
    [
        ("", "{name: a, type: user}", "Generating variable 'a': Unsupported value type: user"),
        ("", "{name: a, type: certificate, options: {ca: b}}", "Expected to find variable 'b' with a certificate"),
        ("- 1", "{name: a, type: password}", "expected a map"),
        ("\tx: [", "{name: a, type: password}", "c.yml"),
    ],
)
def test_what_goes_wrong_is_named(tmp_path: Path, content: str, entry: str, said: str) -> None:
    path = tmp_path / "c.yml"
    path.write_text(content)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        evaluate(load(f"variables: [{entry}]", "m").value, FileStore(path))
    assert said in joined(caught.value)


def test_a_file_that_cannot_be_written_is_an_error_before_the_value_is_used(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "none" / "c.yml")
    with pytest.raises(InterpolationError) as caught:
        evaluate({"variables": [{"name": "a", "type": "password"}]}, store)
    assert "cannot write variables file store" in joined(caught.value)


def test_a_missing_file_is_an_empty_store_that_makes_nothing_untyped(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    assert evaluate({"a": "((x))"}, FileStore(path)) == {"a": "((x))"}
    assert not path.exists()
