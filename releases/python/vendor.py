"""Write down which wheels the Python components of a release need: ``python releases/python/vendor.py releases/uaa``.

For each ``src/<component>/pyproject.toml`` it walks the dependencies as they are installed in this environment (which is what
``requirements.lock`` pins), finds the wheels for the VMs' Python, and writes ``config/sources.json``, ``config/blobs.yml``,
``packages/<component>/spec`` and ``packages/<component>/packaging``. Blobs that are no wheels stay as they are.

``--check`` writes nothing and needs no network; it says what differs from what would be written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "3.11"
"""Of the stemcell."""

GLIBC_MINOR = 36
"""Of the stemcell: the newest manylinux that runs there."""

ENVIRONMENT = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.2",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "os_name": "posix",
}
_PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)
_INSTALL = Path(__file__).with_name("install.sh")


@dataclass(frozen=True)
class Needed:
    """What a component stands on: published packages by version, and folders of this repository by package."""

    published: Mapping[str, str]
    trees: Mapping[str, Path]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    release = given.release.resolve()
    if given.check:
        found = differences(release)
        print("\n".join(found) or "as it should be")
        return 1 if found else 0
    write(release)
    return 0


def components(release: Path) -> dict[str, Needed]:
    """By name: every ``src/<name>`` with a pyproject.toml."""
    return {path.parent.name: needed(path) for path in sorted(release.glob("src/*/pyproject.toml"))}


def needed(project: Path) -> Needed:
    """Everything below a component, as far as it is used on the VMs."""
    members = _members()
    published: dict[str, str] = {}
    trees: dict[str, Path] = {}
    waiting = [Requirement(text) for text in tomllib.loads(project.read_text())["project"].get("dependencies", ())]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [item for item in _requirements(name) if _applies(item, extra)]
        if name in members:
            trees |= _packages(members[name])
        else:
            published[name] = distribution(name).version
    return Needed(dict(sorted(published.items())), dict(sorted(trees.items())))


def _requirements(name: str) -> list[Requirement]:
    return [Requirement(text) for text in distribution(name).requires or ()]


def _applies(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is None:
        return not extra
    here = requirement.marker.evaluate({**ENVIRONMENT, "extra": extra})
    return here and not (extra and requirement.marker.evaluate({**ENVIRONMENT, "extra": ""}))


def _members() -> dict[str, Path]:
    """The packages of this repository, by name."""
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    return {
        canonicalize_name(tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]["name"]): ROOT
        / folder
        for folder in folders
    }


def _packages(folder: Path) -> dict[str, Path]:
    wheel = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    return {Path(name).name: folder / name for name in wheel["packages"]}


# --- writing -----------------------------------------------------------------------------------------------------------------------


def write(release: Path) -> None:
    found = components(release)
    versions = {name: version for item in found.values() for name, version in item.published.items()}
    wheels = _wheels(versions)
    trees = {name: folder for item in found.values() for name, folder in item.trees.items()}
    sources = _other_sources(release)
    sources |= {f"wheels/{file}": source for file, source in sorted(wheels.values())}
    sources |= {_tree_blob(name): _tree_source(release, folder) for name, folder in sorted(trees.items())}
    write_sources(release, sources)
    for name, item in found.items():
        files = [f"wheels/{wheels[package][0]}" for package in item.published] + [
            _tree_blob(tree) for tree in item.trees
        ]
        folder = release / "packages" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "spec").write_text(spec(name, files))
        (folder / "packaging").write_text(packaging(name))


def write_sources(release: Path, sources: Mapping[str, Any]) -> None:
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(source)}" for name, source in sorted(sources.items()))
    (release / "config/sources.json").write_text(f'{{\n  "blobs": {{\n{lines}\n  }}\n}}\n')
    blobs = {name: {"size": item["size"], "sha": f"sha256:{item['sha256']}"} for name, item in sorted(sources.items())}
    (release / "config/blobs.yml").write_text(yaml.safe_dump(blobs, sort_keys=True))


def spec(component: str, files: list[str]) -> str:
    content = {
        "name": component,
        "dependencies": [],
        "files": [f"{component}/**/*", *files],
        "excluded_files": [f"{component}/**/*.pyc"],
    }
    return "---\n" + yaml.safe_dump(content, sort_keys=False)


def packaging(component: str) -> str:
    return _INSTALL.read_text().replace("@COMPONENT@", component)


def _other_sources(release: Path) -> dict[str, Any]:
    path = release / "config/sources.json"
    known: dict[str, Any] = json.loads(path.read_text())["blobs"] if path.is_file() else {}
    return {name: source for name, source in known.items() if not name.startswith("wheels/")}


def _tree_blob(name: str) -> str:
    return f"wheels/{name}-tree.whl"


def _tree_source(release: Path, folder: Path) -> dict[str, Any]:
    from bosh.release import sources

    with tempfile.TemporaryDirectory() as scratch:
        packed = Path(scratch) / "tree"
        sources.pack(folder, packed)
        return {"tree": _relative(folder, release), **_measured(packed)}


def _relative(folder: Path, base: Path) -> str:
    """As ``Path.relative_to`` with ``walk_up``, which this Python has not got."""
    shared = next(parent for parent in base.parents if folder.is_relative_to(parent))
    return "/".join([".."] * len(base.relative_to(shared).parts)) + "/" + folder.relative_to(shared).as_posix()


def _measured(path: Path) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}


def _wheels(versions: Mapping[str, str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By package: the wheel's file name, and its entry in sources.json."""
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text("\n".join(_locked(versions)))
        _download(wanted, Path(scratch))
        return {
            canonicalize_name(parse_wheel_filename(path.name)[0]): _entry(path) for path in Path(scratch).glob("*.whl")
        }


def _download(wanted: Path, folder: Path) -> None:
    """pip compares each wheel with the lock."""
    platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--require-hashes", "--dest", str(folder), "--requirement", str(wanted)),
        *("--python-version", PYTHON, "--implementation", "cp", *platforms),
    ]
    subprocess.run(command, check=True)


def _locked(versions: Mapping[str, str]) -> Iterator[str]:
    """The lines of requirements.lock for these packages. Raises: SystemExit: one of them is not pinned so."""
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    pinned: dict[tuple[str, str], str] = {}
    for line in text.splitlines():
        if match := re.match(r"([\w.\-]+)==([^\s;]+)[^#]*?((?:--hash=\S+\s*)+)", line.strip()):
            pinned[canonicalize_name(match[1]), match[2]] = match[3]
    for name, version in versions.items():
        if (name, version) not in pinned:
            raise SystemExit(f"requirements.lock does not pin {name}=={version}: run `make lock`, then `make setup`")
        yield f"{name}=={version} {pinned[name, version]}"


def _entry(wheel: Path) -> tuple[str, dict[str, Any]]:
    name, version, _build, tags = parse_wheel_filename(wheel.name)
    about = {"name": str(name), "version": str(version)}
    # Of the platforms that a wheel names, the newest says most exactly which one is meant.
    platform = max((tag.platform for tag in tags), key=lambda text: (text.startswith("manylinux_"), text))
    if platform != "any":
        about |= {"platform": platform, "python": PYTHON}
    return wheel.name, {"pypi": about, **_measured(wheel)}


# --- checking ----------------------------------------------------------------------------------------------------------------------


def differences(release: Path) -> list[str]:
    """One sentence each; empty when the release is as ``write`` would leave it."""
    known = json.loads((release / "config/sources.json").read_text())["blobs"]
    wheels = {
        source["pypi"]["name"]: (name, source["pypi"]["version"]) for name, source in known.items() if "pypi" in source
    }
    found: list[str] = []
    for name, item in components(release).items():
        files = []
        for package, version in item.published.items():
            file, had = wheels.get(package, ("", "none"))
            files.append(file)
            if had != version:
                found.append(f"{release.name}: {package} should be {version}, is {had}")
        for tree, folder in item.trees.items():
            files.append(_tree_blob(tree))
            if known.get(files[-1]) != _tree_source(release, folder):
                found.append(f"{release.name}: {tree} has changed")
        for file, wanted in (("spec", spec(name, files)), ("packaging", packaging(name))):
            path = release / "packages" / name / file
            if not path.is_file() or path.read_text() != wanted:
                found.append(f"{release.name}: packages/{name}/{file} differs")
    return found


if __name__ == "__main__":
    sys.exit(main())
