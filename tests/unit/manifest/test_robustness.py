"""Whatever stands where something else should: the answer is a ``Desired`` or faults, never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bosh.manifest.configs import ConfigText
from bosh.manifest.documents import dump, load
from bosh.manifest.faults import ManifestFaults, Path
from bosh.manifest.parse import ParseOptions, parse
from bosh.manifest.values import clone

from .samples import CATALOG, CLOUD, MANIFEST

JUNK: list[Any] = [
    None, 1, -1, 1.5, True, "", "x", "a-b-c", "10.0.0.1", "10.0.0.0/8", "((v))", 2**70, [], [None], [1], ["x"], [{}], [[]],
    [{"name": "x"}], {}, {"a": 1}, {1: 2}, {"name": "x"},
]  # fmt: skip

RICH = (
    MANIFEST.replace(
        "    properties: {port",
        "    consumes: {backend: {from: z}}\n    provides: {gate: {as: z}}\n    properties: {port",
    )
    + """\
  persistent_disks: [{name: d, type: big}]
  migrated_from: [{name: old, az: z1}]
  update: {canaries: 1}
  env: {bosh: {swap_size: 0}}
features: {use_dns_addresses: true}
variables:
- {name: a, type: certificate, options: {ca: b}, update: {strategy: on-deploy}, consumes: {common_name: {from: x}}}
addons:
- {name: ad, jobs: [{name: cleaner, release: web}], exclude: {lifecycle: service}, include: {stemcell: [{os: ubuntu-jammy}], jobs: [{name: gate, release: web}]}}
tags: {a: b}
"""
)
RUNTIME = """\
releases: [{name: extra, version: 7, exported_from: [{os: ubuntu-jammy, version: '1.1'}]}]
addons: [{name: tidy, jobs: [{name: cleaner, release: extra}], exclude: {teams: [a], networks: [loose], lifecycle: errand}}]
variables: [{name: w, type: ssh}]
"""
CPI = "cpis: [{name: c, type: t, properties: {}, migrated_from: [{name: d}]}]\n"
TEXTS = {"manifest": RICH, "cloud": CLOUD, "runtime": RUNTIME, "cpi": CPI}


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    yield here
    if isinstance(value, dict):
        for key, child in value.items():
            yield from paths(child, (*here, key))
    elif isinstance(value, list):
        for at, child in enumerate(value):
            yield from paths(child, (*here, at))


PLACES = [(which, path) for which, text in TEXTS.items() for path in paths(load(text, which).value)]


def put(value: Any, path: Path, junk: Any) -> Any:
    if not path:
        return junk
    value = clone(value)
    target = value
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = junk
    return value


def read(texts: dict[str, str]) -> None:
    parse(
        texts["manifest"],
        cloud_configs=[ConfigText("default", texts["cloud"])],
        runtime_configs=[ConfigText("default", texts["runtime"], "runtime")],
        cpi_config=ConfigText("default", texts["cpi"], "cpi") if texts["cpi"] != CPI else None,
        catalog=CATALOG,
        director_name="dir",
        options=ParseOptions(teams=("a",)),
    )


def test_the_texts_are_sound_before_anything_is_broken() -> None:
    read(TEXTS)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(JUNK))
def test_junk_anywhere_is_a_fault_or_fits(place: tuple[str, Path], junk: Any) -> None:
    which, path = place
    broken = dump(put(load(TEXTS[which], which).value, path, junk))
    with suppress(ManifestFaults):
        read({**TEXTS, which: broken})
