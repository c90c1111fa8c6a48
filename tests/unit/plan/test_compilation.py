from __future__ import annotations

from dataclasses import replace

import pytest

from bosh.manifest.model import CompiledPackage, StemcellChoice
from bosh.plan.compilation import CompiledIndex, closure, compilations, compilations_of, dependency_key
from bosh.plan.errors import (
    PackageCycle,
    PackageDependencyMissing,
    PackageMissingExportedFrom,
    PackageMissingSourceCode,
    StemcellNotPresentInExportedFrom,
)
from bosh.plan.layout import lay_out
from bosh.plan.model import Options
from bosh.testing import builders as b


def tree(**needs: str):
    return {name: replace(b.package(name, *below.split()), fingerprint=f"{name}-fp") for name, below in needs.items()}


DIAMOND = tree(app="ssl lib", lib="ssl zlib", ssl="zlib", zlib="")


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        pytest.param("zlib", "[]", id="nothing"),
        pytest.param("ssl", '[["zlib","zlib-fp"]]', id="one"),
        pytest.param(
            "lib", '[["ssl","ssl-fp",[["zlib","zlib-fp"]]],["zlib","zlib-fp"]]', id="nested and sorted by name"
        ),
    ],
)
def test_dependency_key(package: str, expected: str) -> None:
    assert dependency_key(package, DIAMOND) == expected


def test_the_order_in_which_dependencies_are_written_does_not_matter() -> None:
    assert dependency_key("app", DIAMOND) == dependency_key(
        "app", {**DIAMOND, "app": replace(DIAMOND["app"], dependencies=("lib", "ssl"))}
    )


def test_closure_has_everything_once_dependencies_first() -> None:
    assert [one.name for one in closure("app", DIAMOND)] == ["zlib", "ssl", "lib"]


@pytest.mark.parametrize("function", [dependency_key, closure])
@pytest.mark.parametrize(
    ("packages", "error", "text"),
    [
        pytest.param(tree(a="b", b="c", c="b"), PackageCycle, "b → c → b", id="a cycle"),
        pytest.param(tree(a="a"), PackageCycle, "a → a", id="itself"),
        pytest.param(
            tree(a="b", b="gone"), PackageDependencyMissing, "'b' depends on 'gone'", id="a package nobody has"
        ),
    ],
)
def test_dependencies_that_cannot_be(function, packages, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        function("a", packages)


# --- what has been compiled -----------------------------------------------------------------------------------------------------------


def compiled(package: str, version: str, key: str = "[]", os: str = "ubuntu-noble") -> CompiledPackage:
    return CompiledPackage(f"{package}-fp", key, os, version, f"sha-{version}", f"blob-{version}")


@pytest.mark.parametrize(
    ("forms", "source", "expected"),
    [
        pytest.param([compiled("zlib", "1.2")], True, "blob-1.2", id="exactly this stemcell"),
        pytest.param([compiled("zlib", "1.1")], True, None, id="with source, another version does not count"),
        pytest.param([compiled("zlib", "1.1"), compiled("zlib", "1.10"), compiled("zlib", "1.9")], False, "blob-1.10", id="without source, the newest of the line"),
        pytest.param([compiled("zlib", "2.0")], False, None, id="another line does not count"),
        pytest.param([compiled("zlib", "1.2", os="ubuntu-jammy")], False, None, id="another system does not count"),
        pytest.param([compiled("zlib", "1.2", key='[["x","y"]]')], True, None, id="compiled with something else does not count"),
    ],
)  # fmt: skip
def test_find(forms, source: bool, expected: str | None) -> None:
    package = DIAMOND["zlib"] if source else replace(DIAMOND["zlib"], blobstore_id="", sha1="")
    found = CompiledIndex(forms).find(package, "[]", b.STEMCELL)
    assert (found.blobstore_id if found else None) == expected


# --- what must be compiled ------------------------------------------------------------------------------------------------------------


def planned(
    packages, *jobs: str, compiled=(), exported_from=None, stemcells: tuple[StemcellChoice, ...] = (b.STEMCELL,)
):
    spec = b.job_spec("web", packages=jobs)
    releases = [b.release(jobs=[spec], packages=packages.values())]
    groups = [b.group(f"g{number}", 2, jobs=[b.job(spec)], stemcell=one) for number, one in enumerate(stemcells)]
    layout = lay_out(b.desired(*groups, releases=releases), b.nothing(), options=Options(), ids=b.CountingIds())
    return compilations(layout.instances, releases, CompiledIndex(compiled, exported_from))


def test_dependencies_come_first_and_each_package_once() -> None:
    steps = planned(DIAMOND, "app", "ssl")
    assert [step.package.name for step in steps] == ["zlib", "ssl", "lib", "app"]
    app = steps[-1]
    assert app.dependencies == (("zlib", "zlib-fp"), ("ssl", "ssl-fp"), ("lib", "lib-fp"))
    assert {earlier[0] for earlier in app.after} == {"lib-fp", "ssl-fp"}
    assert app.reason == "needed by instance group 'g0'; not compiled for ubuntu-noble/1.2 yet"
    assert steps[0].reason.startswith("needed to compile")


def test_what_is_compiled_already_needs_nothing_below_it() -> None:
    done = compiled("ssl", "1.2", dependency_key("ssl", DIAMOND))
    steps = planned(DIAMOND, "ssl", compiled=[done])
    assert steps == ()
    assert [step.package.name for step in planned(DIAMOND, "app", compiled=[done])] == ["zlib", "lib", "app"]


def test_every_stemcell_has_its_own() -> None:
    other = replace(b.STEMCELL, version="1.3")
    steps = planned(DIAMOND, "ssl", stemcells=(b.STEMCELL, other))
    assert [(step.package.name, step.stemcell.version) for step in steps] == [
        ("zlib", "1.2"),
        ("ssl", "1.2"),
        ("zlib", "1.3"),
        ("ssl", "1.3"),
    ]


def test_all_packages_of_an_export_below_what_is_compiled_too() -> None:
    done = compiled("ssl", "1.2", dependency_key("ssl", DIAMOND))
    index = CompiledIndex([done])
    steps = compilations_of(["zlib", "ssl", "lib"], DIAMOND, b.STEMCELL, index, reason="exported")
    assert [step.package.name for step in steps] == ["zlib", "lib"]
    assert steps[0].reason == "exported; not compiled for ubuntu-noble/1.2 yet"
    bare = {name: replace(one, blobstore_id="", sha1="") for name, one in DIAMOND.items()}
    with pytest.raises(PackageMissingSourceCode, match="'zlib/zlib-fp'"):
        compilations_of(["zlib"], bare, b.STEMCELL, index, reason="exported")


def test_packages_without_source_are_all_named() -> None:
    bare = {name: replace(one, blobstore_id="", sha1="") for name, one in DIAMOND.items()}
    with pytest.raises(PackageMissingSourceCode) as caught:
        planned(bare, "app", "zlib")
    assert caught.value.code == 60001
    text = str(caught.value)
    assert (
        "Can't use release 'web/1'. It references packages without source code and are not compiled against stemcell 'ubuntu-noble/1.2':"
        in text
    )
    assert " - 'app/app-fp'\n - 'zlib/zlib-fp'" in text


@pytest.mark.parametrize(
    ("exported_from", "error", "code", "text"),
    [
        pytest.param([("ubuntu-noble", "1.1")], PackageMissingExportedFrom, 60003, "Packages must be exported from stemcell 'ubuntu-noble/1.1'", id="not compiled for that"),
        pytest.param([("ubuntu-noble", "2.1")], StemcellNotPresentInExportedFrom, 60004, "expected to find stemcell for 'ubuntu-noble/1.2'", id="another line"),
    ],
)  # fmt: skip
def test_an_exported_release_is_never_compiled(exported_from, error: type[Exception], code: int, text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        planned(DIAMOND, "zlib", exported_from={"web": exported_from})
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_an_exported_release_is_used_as_it_was_exported() -> None:
    forms = [compiled("zlib", "1.1"), compiled("zlib", "1.2")]
    index = CompiledIndex(forms, {"web": [("ubuntu-noble", "1.0"), ("ubuntu-noble", "1.1")]})
    found = index.find(DIAMOND["zlib"], "[]", b.STEMCELL)
    assert found is not None
    assert found.blobstore_id == "blob-1.1"
    assert planned(DIAMOND, "zlib", compiled=forms, exported_from={"web": [("ubuntu-noble", "1.1")]}) == ()
