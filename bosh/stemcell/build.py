"""Make a stemcell from a recipe, or find it made.

Two layers, each kept under a key that is the digest of everything that went into it:

- the root filesystem, a directory: suite, components, architecture, package names, ``packages_as_of``, where packages come from;
- the archive: the root filesystem's key, the recipe, every file of the stages, the agent.

So a changed agent takes seconds, and an unchanged recipe none. Package versions are those that the sources offered when the root
filesystem was made; ``packages_as_of`` in the recipe is how a person asks for newer ones, and the archive's lists say which they are.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from bosh.agent import bundle
from bosh.stemcell import apt, archive, debian, process
from bosh.stemcell.recipe import Recipe, read, stages_of
from bosh.wire.stemcell_mf import IMAGE_NAME, StemcellManifest

_FORMAT: Final = "1"
"""Part of every key: raised when this module makes something else of the same inputs."""
_KEPT_ARCHIVES: Final = 3
_KEPT_ROOTS: Final = 2
_IMAGE_LEVEL: Final = 1
_CHUNK_BYTES: Final = 1 << 20
_TOOLS: Final = ("mmdebstrap", "setpriv", "unshare", "tar", "chroot")
_KEYRINGS: Final = (Path("/usr/share/keyrings/debian-archive-keyring.gpg"), Path("/etc/apt/trusted.gpg.d"))
"""Debian's own, which other systems do not trust by themselves, and what this machine trusts."""
_LEFT_OUT: Final = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/bug/*",
    "/usr/share/zoneinfo/right/*",
)
_KEPT: Final = ("/usr/share/doc/*/copyright",)

Progress = Callable[[str], None]


def build(
    recipe: Path, *, cache_dir: Path, output: Path | None, progress: Progress, agent_bundle: Path | None = None
) -> Path:
    """Make the recipe's stemcell, or find it in the cache.

    Args:
        recipe: a file under ``stemcells/recipes``.
        cache_dir: a folder for stemcells alone, made when missing; what is in the making lies there as well: about 2 GiB.
        output: where to put the archive; None leaves it in the cache.
        progress: called with one line at a time, possibly from another thread.
        agent_bundle: a ready agent file; None builds the agent from this tree.

    Returns:
        The archive's path: ``output`` or a file of the cache, which stays until a few newer ones have been made.

    Raises:
        SystemFailure: a tool is missing, not root, or a builder failed (its last lines are in the details).
        ValidationInvalidValue: the recipe is not one.
    """
    wanted = read(recipe)
    with _locked(cache_dir, progress), _work(cache_dir) as work:
        agent = agent_bundle or _agent(work / "agent.pyz")
        inputs = _inputs(recipe, wanted, agent)
        made = cache_dir / f"{wanted.name}-{wanted.version}-{inputs.archive_key}.tgz"
        if not made.is_file():
            process.require(*_TOOLS)
            root = _root(inputs, cache_dir, progress)
            _archive(inputs, root, work, made, progress)
            _forget_old(cache_dir, wanted.name)
        else:
            made.touch()
            progress(f"stemcell {wanted.name}/{wanted.version} is in the cache")
        return made if output is None else _place(made, output)


@dataclass(frozen=True, slots=True)
class _Inputs:
    recipe: Recipe
    stages: Path
    agent: Path
    sources: apt.Sources
    root_key: str
    archive_key: str


def _inputs(path: Path, recipe: Recipe, agent: Path) -> _Inputs:
    stages = stages_of(path)
    sources = apt.of_host(Path("/"), recipe.suite, _apt_configuration())
    root_key = _key(
        [
            recipe.suite,
            recipe.components,
            recipe.architecture,
            recipe.all_packages,
            str(recipe.packages_as_of),
            sources.lines,
            sources.options,
            _LEFT_OUT,
            _KEPT,
        ]
    )
    trees = [(name, _tree(stages / name)) for name in recipe.stages]
    builder = hashlib.sha256(_assemble(stages).read_bytes()).hexdigest()
    described = msgspec.to_builtins(recipe)
    archive_key = _key([root_key, described, trees, builder, _agent_digest(agent)])
    return _Inputs(recipe, stages, agent, sources, root_key, archive_key)


def _key(parts: Any) -> str:
    content = msgspec.json.encode([_FORMAT, parts], order="sorted")
    return hashlib.sha256(content).hexdigest()[:16]


def _tree(folder: Path) -> list[tuple[str, int, str]]:
    """Each file's path, mode and digest, sorted: what a stage is."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return [(str(path.relative_to(folder)), path.lstat().st_mode & 0o111, _content(path)) for path in files]


def _content(path: Path) -> str:
    content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _agent_digest(agent: Path) -> str:
    """Of the sources in a bundle: the stages leave its byte code out, which is not the same from one build to the next."""
    if not zipfile.is_zipfile(agent):
        return hashlib.sha256(agent.read_bytes()).hexdigest()
    with zipfile.ZipFile(agent) as bundled:
        sources = [name for name in bundled.namelist() if not name.endswith(".pyc")]
        return _key([(name, hashlib.sha256(bundled.read(name)).hexdigest()) for name in sources])


def _assemble(stages: Path) -> Path:
    return stages.parent / "build" / "assemble"


def _apt_configuration() -> str:
    if not shutil.which("apt-config"):
        return ""
    return subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout


def _agent(target: Path) -> Path:
    bundle.build(target)
    return target


def _root(inputs: _Inputs, folder: Path, progress: Progress) -> Path:
    """The root filesystem of the recipe's packages, made when it is not there."""
    root = folder / f"root-{inputs.root_key}"
    if root.is_dir():
        root.touch()
        progress("root filesystem is in the cache")
        return root / "rootfs"
    progress(f"making a root filesystem of {len(inputs.recipe.packages)} packages and what they need")
    with _work(folder) as work:
        (work / "tmp").mkdir(mode=0o755)
        (work / "made").mkdir(mode=0o755)
        work.chmod(0o755)  # apt's own user reads below it
        sources = work / "debian.sources"
        sources.write_text(inputs.sources.lines)
        options = work / "apt.conf"
        options.write_text(inputs.sources.options)
        command = _mmdebstrap(inputs.recipe, options, work / "made/rootfs", from_host=bool(inputs.sources.lines))
        with process.contained(
            command,
            what="make the stemcell's root filesystem",
            on_line=lambda line: _say_unless_warning(line, progress),
            environment={"TMPDIR": str(work / "tmp"), "SOURCE_DATE_EPOCH": str(inputs.recipe.source_date_epoch_s)},
            input_path=sources if inputs.sources.lines else None,
        ) as stdout:
            _drain(stdout)
        # A power cut must not leave a name in the cache for files that were never written.
        subprocess.run(["sync", "--file-system", str(work)], check=True)
        (work / "made").rename(root)
    return root / "rootfs"


def _say_unless_warning(line: str, progress: Progress) -> None:
    """The tool's warnings are about habits of the host; when it fails they are among its last lines."""
    if not line.startswith("W: "):
        progress(line.removeprefix("I: "))


def _mmdebstrap(recipe: Recipe, options: Path, target: Path, *, from_host: bool) -> list[str]:
    excludes = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    includes = [f"--dpkgopt=path-include={pattern}" for pattern in _KEPT]
    return [
        "mmdebstrap",
        "--mode=root",
        "--format=directory",
        "--variant=minbase",
        f"--architectures={recipe.architecture}",
        f"--components={','.join(recipe.components)}",
        '--aptopt=Apt::Install-Recommends "false"',
        # Written through to the disk once, at the end, and not file by file: less than half the time.
        "--dpkgopt=force-unsafe-io",
        *(f"--keyring={path}" for path in _KEYRINGS if path.exists()),
        *([f"--aptopt={options}"] if options.stat().st_size else []),
        *excludes,
        *includes,
        f"--include={','.join(recipe.all_packages)}",
        recipe.suite,
        str(target),
        *(["-"] if from_host else []),
    ]


def _drain(stream: Any) -> None:
    while stream.read(_CHUNK_BYTES):
        pass


def _archive(inputs: _Inputs, root: Path, work: Path, target: Path, progress: Progress) -> None:
    recipe = inputs.recipe
    image = work / IMAGE_NAME
    image_digest = _image(inputs, root, work, image, progress)
    packages = debian.installed(root)
    system = debian.System(recipe.name, recipe.version, recipe.operating_system, recipe.source_date_epoch_s)
    texts = {
        "packages.txt": debian.package_list(packages),
        "dev_tools_file_list.txt": debian.development_tools(root, packages),
        "sbom.spdx.json": debian.spdx(packages, system),
        "sbom.cdx.json": debian.cyclonedx(packages, system),
    }
    for name, text in texts.items():
        (work / name).write_text(text)
    progress("packing the stemcell")
    files = [*(work / name for name in texts), image]
    archive.write(target, manifest_of(recipe, image_digest), files, mtime_s=recipe.source_date_epoch_s)


def manifest_of(recipe: Recipe, image_digest: str) -> StemcellManifest:
    """The manifest of a recipe's stemcell.

    Args:
        image_digest: digest text.
    """
    return StemcellManifest(
        name=recipe.name,
        version=recipe.version,
        operating_system=recipe.operating_system,
        sha1=image_digest,
        bosh_protocol=recipe.bosh_protocol,
        api_version=recipe.api_version,
        stemcell_formats=recipe.stemcell_formats,
        cloud_properties={"name": recipe.name, "version": recipe.version, **recipe.cloud_properties},
    )


def _image(inputs: _Inputs, root: Path, work: Path, target: Path, progress: Progress) -> str:
    """Run the stages over the root filesystem and compress the outcome; the digest text of the image."""
    recipe = inputs.recipe
    environment: Mapping[str, str] = {
        "AGENT_BUNDLE": str(inputs.agent),
        "STEMCELL_NAME": recipe.name,
        "STEMCELL_OS": recipe.operating_system,
        "STEMCELL_VERSION": recipe.version,
        "SOURCE_DATE_EPOCH": str(recipe.source_date_epoch_s),
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    command = [str(_assemble(inputs.stages)), str(root), str(work / "layer"), str(inputs.stages), *recipe.stages]
    with (
        process.contained(
            command, what="put the stemcell together", on_line=progress, environment=environment
        ) as stdout,
        target.open("wb") as raw,
    ):
        counted = archive.HashingWriter(raw, "sha1")
        with archive.compressed(cast("BinaryIO", counted), level=_IMAGE_LEVEL) as stream:
            shutil.copyfileobj(stdout, stream, _CHUNK_BYTES)
    return counted.digest_text


@contextmanager
def _locked(folder: Path, progress: Progress) -> Iterator[None]:
    """One build at a time in a cache; what an interrupted one left is swept first."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of a stemcell to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in (*folder.glob("work-*"), *folder.glob(".*.part")):
            _remove(left)
        yield


@contextmanager
def _work(folder: Path) -> Iterator[Path]:
    work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    try:
        yield work
    finally:
        _remove(work)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _forget_old(folder: Path, name: str) -> None:
    """Keep the newest few: a day's work on the agent makes many archives."""
    for pattern, kept in ((f"{name}-*.tgz", _KEPT_ARCHIVES), ("root-*", _KEPT_ROOTS)):
        newest_first = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in newest_first[kept:]:
            _remove(old)


def _place(made: Path, output: Path) -> Path:
    """A copy of its own (cheap where the file system shares blocks), there at once or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(made, part)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    return output
