"""The Go ``bosh`` and ours make the same release of the same directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from bosh.release import archive, create, generate, parts, repack
from bosh.release.directory import ReleaseDir
from bosh.wire import go_yaml, release_mf
from bosh.wire.errors import BoshError

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get("BOSH_GO_CLI"), reason="BOSH_GO_CLI does not name a Go bosh"),
]


def go(home: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home)}
    command = [os.environ["BOSH_GO_CLI"], "-n", *arguments]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=60)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.fixture
def release_dir(tmp_path: Path) -> Path:
    root = tmp_path / "demo-release"
    root.mkdir()
    generate.init_release(root)
    put(
        root / "config/final.yml",
        f"name: demo\nblobstore: {{provider: local, options: {{blobstore_path: {tmp_path}/blobs}}}}\n",
    )
    put(
        root / "jobs/web/spec",
        "name: web\ntemplates: {ctl.erb: bin/ctl, conf.yml: config/conf.yml}\npackages: [app, lib]\n",
    )
    put(root / "jobs/web/monit", "check process web\n")
    put(root / "jobs/web/properties_schema.json", "{}")
    put(root / "jobs/web/templates/ctl.erb", "#!/bin/bash\n", 0o755)
    put(root / "shared/conf.yml", "a: <%= p('a') %>\n")
    (root / "jobs/web/templates/conf.yml").symlink_to("../../../shared/conf.yml")
    put(root / "jobs/bare/spec", "name: bare\n")
    put(
        root / "packages/lib/spec",
        "name: lib\nfiles: ['lib/**/*', 'x.{c,h}', '[ab]?.txt']\nexcluded_files: ['lib/**/*.o']\n",
    )
    put(root / "packages/lib/packaging", "set -e\n", 0o755)
    put(
        root / "packages/app/spec",
        "name: app\ndependencies: [lib, tool]\nfiles: ['app/**', shared.txt]\nno_compression: true\n",
    )
    put(root / "packages/app/packaging", "set -e\n")
    put(
        root / "packages/app/pre_packaging",
        "mkdir -p made/empty\necho $RELEASE_DIR > /dev/null\necho x > made/file\nchmod 755 made/file\n",
    )
    put(root / "packages/tool/spec", "name: tool\nfiles: [10/*, 9/*]\n")
    put(root / "packages/tool/packaging", "true\n")
    for path in (
        "lib/a.c",
        "lib/deep/b.c",
        "lib/deep/c.o",
        "lib/.hidden",
        "x.c",
        "x.h",
        "a1.txt",
        "app/one",
        "10/t",
        "9/t",
        "shared.txt",
    ):
        put(root / "src" / path, f"content of {path}\n", 0o755 if path.endswith("b.c") else 0o644)
    (root / "src/lib/link").symlink_to("a.c")
    (root / "src/app/dangling").symlink_to("/nonexistent/ü")
    (root / "src/app/folder").symlink_to("../10")
    put(root / "LICENSE", "free\n")
    put(root / "NOTICE", "take notice\n")
    return root


def content_of(tgz: bytes) -> dict[str, tuple[str, int, bytes | str]]:
    """Member → (kind, mode, content), without what differs between two runs of GNU tar."""
    members: dict[str, tuple[str, int, bytes | str]] = {}
    with tarfile.open(fileobj=BytesIO(tgz)) as opened:
        for member in opened:
            if member.isdir():
                continue
            if member.issym():
                members[member.name] = ("link", 0, member.linkname)
            else:
                extracted = opened.extractfile(member)
                assert extracted is not None
                members[member.name] = ("file", member.mode & 0o777, extracted.read())
    return members


def names_of(tgz: Path) -> list[str]:
    with tarfile.open(tgz) as opened:
        return opened.getnames()


def identities(manifest: release_mf.ReleaseManifest) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [(job.name, job.fingerprint, job.packages) for job in manifest.jobs]
    found += [(package.name, package.fingerprint, package.dependencies) for package in manifest.packages]
    return [*found, ("license", manifest.license.fingerprint if manifest.license else "", ())]


def two_copies(release_dir: Path) -> tuple[Path, Path]:
    theirs = release_dir.parent / "theirs" / release_dir.name
    shutil.copytree(release_dir, theirs, symlinks=True)
    return theirs, release_dir


def test_dev_release_has_the_same_fingerprints_manifest_and_archives(release_dir: Path, tmp_path: Path) -> None:
    theirs, ours = two_copies(release_dir)
    go(tmp_path / "home", "create-release", f"--dir={theirs}", f"--tarball={tmp_path}/theirs.tgz")
    made = create.create_release(ReleaseDir(ours, cache=tmp_path / "cache"), tarball=tmp_path / "ours.tgz")
    their_manifest = repack.inspect(tmp_path / "theirs.tgz")
    assert identities(made.manifest) == identities(their_manifest)
    assert (made.name, made.version, made.manifest.commit_hash) == ("demo", "0+dev.1", "non-git")
    assert [made.version, made.manifest.uncommitted_changes] == [
        their_manifest.version,
        their_manifest.uncommitted_changes,
    ]
    assert sorted(names_of(tmp_path / "ours.tgz")) == sorted(names_of(tmp_path / "theirs.tgz"))
    assert names_of(tmp_path / "ours.tgz")[0] == "release.MF"
    inside_theirs, inside_ours = (
        content_of((tmp_path / "theirs.tgz").read_bytes()),
        content_of((tmp_path / "ours.tgz").read_bytes()),
    )
    for name in [name for name in inside_ours if name.endswith(".tgz")]:
        archive_ours, archive_theirs = inside_ours[name][2], inside_theirs[name][2]
        assert isinstance(archive_ours, bytes)
        assert isinstance(archive_theirs, bytes)
        assert content_of(archive_ours) == content_of(archive_theirs), name
        assert (archive_ours[:2] == b"\x1f\x8b") == (archive_theirs[:2] == b"\x1f\x8b"), name


def test_a_manifest_is_written_byte_for_byte(release_dir: Path, tmp_path: Path) -> None:
    go(tmp_path / "home", "create-release", f"--dir={release_dir}", "--final", "--version=1.10")
    for path in [*release_dir.glob("releases/demo/demo-*.yml"), *release_dir.glob("dev_releases/demo/demo-*.yml")]:
        assert release_mf.render(release_mf.parse(path.read_bytes())) == path.read_text()
    assert len(list(release_dir.glob("releases/demo/*.yml"))) == 2


def test_each_carries_on_where_the_other_stopped(release_dir: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    place = ReleaseDir(release_dir, cache=home / ".bosh/cache")
    go(home, "create-release", f"--dir={release_dir}")
    assert create.create_release(place).version == "0+dev.2"
    go(home, "create-release", f"--dir={release_dir}", "--final")
    assert create.create_release(place, final=True).version == "2"
    assert create.create_release(place).version == "2+dev.1"
    go(home, "create-release", f"--dir={release_dir}", "--final", f"--tarball={tmp_path}/3.tgz")
    assert repack.inspect(tmp_path / "3.tgz").version == "3"
    versions = [go_yaml.load(path.read_bytes()) for path in sorted(release_dir.glob("*releases/demo/index.yml"))]
    assert [sorted(entry["version"] for entry in body["builds"].values()) for body in versions] == [
        ["0+dev.1", "0+dev.2", "0+dev.3", "1+dev.1", "2+dev.1", "2+dev.2"],
        ["1", "2", "3"],
    ]


def test_indexes_have_the_same_text(release_dir: Path, tmp_path: Path) -> None:
    theirs, ours = two_copies(release_dir)
    put(
        theirs / "config/final.yml",
        f"name: demo\nblobstore: {{provider: local, options: {{blobstore_path: {tmp_path}/theirs-blobs}}}}\n",
    )
    home = tmp_path / "home"
    go(home, "create-release", f"--dir={theirs}", "--final")
    create.create_release(ReleaseDir(ours, cache=tmp_path / "cache"), final=True)
    for path in sorted(theirs.glob(".*_builds/**/index.yml")):
        mine = go_yaml.load((ours / path.relative_to(theirs)).read_bytes())
        other = go_yaml.load(path.read_bytes())
        assert list(mine["builds"]) == list(other["builds"])
        assert [list(entry) for entry in mine["builds"].values()] == [list(entry) for entry in other["builds"].values()]
        assert go_yaml.dump(other) == path.read_text()
    assert len(list(ours.glob(".*_builds/**/index.yml"))) == len(list(theirs.glob(".*_builds/**/index.yml")))


def test_the_go_cli_reads_our_tarball_and_we_read_its(release_dir: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    put(release_dir / "jobs/bare/monit", "")
    create.create_release(ReleaseDir(release_dir, cache=tmp_path / "cache"), tarball=tmp_path / "ours.tgz")
    shown = go(home, "inspect-local-release", str(tmp_path / "ours.tgz"))
    assert "demo" in shown.stdout
    go(home, "sha1ify-release", str(tmp_path / "ours.tgz"), str(tmp_path / "sha1.tgz"))
    for number, name in enumerate(("ours.tgz", "sha1.tgz")):
        (tmp_path / f"work{number}").mkdir()
        read = archive.read(tmp_path / name, tmp_path / f"work{number}")
        assert [job.name for job in read.jobs] == ["bare", "web"]


def test_redigested_tarballs_agree(release_dir: Path, tmp_path: Path) -> None:
    create.create_release(ReleaseDir(release_dir, cache=tmp_path / "cache"), tarball=tmp_path / "ours.tgz")
    for algorithm, command in (("sha1", "sha1ify-release"), ("sha256", "sha2ify-release")):
        go(tmp_path / "home", command, str(tmp_path / "ours.tgz"), str(tmp_path / "theirs.tgz"))
        repack.redigest(tmp_path / "ours.tgz", tmp_path / "mine.tgz", algorithm)  # type: ignore[arg-type]
        assert repack.inspect(tmp_path / "mine.tgz") == repack.inspect(tmp_path / "theirs.tgz")


def test_blobs_index_is_shared(release_dir: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    place = ReleaseDir(release_dir, cache=home / ".bosh/cache")
    for name in ("go/go1.10.tgz", "go/go1.9.tgz", "B/x", "a-1", "a/0"):
        put(tmp_path / "blob", f"blob {name}")
        go(home, "add-blob", f"--dir={release_dir}", str(tmp_path / "blob"), name)
    theirs = (release_dir / "config/blobs.yml").read_text()
    put(tmp_path / "blob", "blob a/0")
    place.blobs.add(tmp_path / "blob", "a/0")
    assert (release_dir / "config/blobs.yml").read_text() == theirs
    place.blobs.upload()
    shutil.rmtree(release_dir / "blobs")
    go(home, "sync-blobs", f"--dir={release_dir}")
    assert (release_dir / "blobs/go/go1.9.tgz").read_text() == "blob go/go1.9.tgz"
    shutil.rmtree(release_dir / "blobs")
    place.blobs.sync()
    assert (release_dir / "blobs/B/x").read_text() == "blob B/x"


def test_a_vendored_package_is_the_same(release_dir: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    place = ReleaseDir(release_dir, cache=home / ".bosh/cache")
    create.create_release(place, final=True)
    locks = []
    for number in range(2):
        target = tmp_path / f"consumer{number}"
        target.mkdir()
        generate.init_release(target)
        put(
            target / "config/final.yml",
            f"name: c\nblobstore: {{provider: local, options: {{blobstore_path: {tmp_path}/c{number}}}}}\n",
        )
        if number:
            create.vendor_package(ReleaseDir(target, cache=home / ".bosh/cache"), "app", place, prefix="v")
        else:
            go(home, "vendor-package", f"--dir={target}", "--prefix=v", "app", str(release_dir))
        locks.append({path.relative_to(target): path.read_text() for path in target.glob("packages/*/spec.lock")})
        made = create.create_release(ReleaseDir(target, cache=tmp_path / f"cache{number}"))
        assert [package.name for package in made.manifest.packages] == ["v-app", "v-lib", "v-tool"]
    assert locks[0] == locks[1]


def test_git_is_asked_the_same_questions(release_dir: Path, tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments]
        return subprocess.run(command, cwd=release_dir, check=True, capture_output=True, text=True).stdout.strip()

    generate.init_release(release_dir, use_git=True)
    place = ReleaseDir(release_dir, cache=tmp_path / "home/.bosh/cache")
    with pytest.raises(BoshError, match="Git repository has local modifications"):
        create.create_release(place)
    assert "local modifications" in go(tmp_path / "home", "create-release", f"--dir={release_dir}", check=False).stderr
    assert create.create_release(place, force=True).manifest.commit_hash == "empty"
    git("add", ".")
    git("commit", "-q", "-m", "first")
    made = create.create_release(place)
    assert (made.manifest.commit_hash, made.manifest.uncommitted_changes) == (
        git("rev-parse", "--short", "HEAD"),
        False,
    )
    go(tmp_path / "home", "create-release", f"--dir={release_dir}", f"--tarball={tmp_path}/go.tgz")
    assert repack.inspect(tmp_path / "go.tgz").commit_hash == made.manifest.commit_hash


@pytest.mark.skipif(
    not os.environ.get("BOSH_PUBLIC_RELEASES"), reason="BOSH_PUBLIC_RELEASES names no folder of checkouts"
)
def test_public_releases_have_the_fingerprints_that_the_go_cli_computes(tmp_path: Path) -> None:
    for checkout in sorted(Path(os.environ["BOSH_PUBLIC_RELEASES"]).iterdir()):
        if not (checkout / "config/final.yml").exists():
            continue
        copy = tmp_path / checkout.name
        shutil.copytree(checkout, copy, symlinks=True)
        for name in (".git", ".final_builds", "releases", "blobs", ".dev_builds", "dev_releases"):
            shutil.rmtree(copy / name, ignore_errors=True)
        put(copy / "config/blobs.yml", "--- {}\n")
        keep_buildable(copy)
        ours = identities(create.create_release(ReleaseDir(copy, cache=tmp_path / "cache")).manifest)
        generate.reset_release(copy)
        go(tmp_path / "home", "create-release", f"--dir={copy}", f"--tarball={tmp_path}/go.tgz")
        assert ours == identities(repack.inspect(tmp_path / "go.tgz")), checkout.name


def keep_buildable(checkout: Path) -> None:
    """Without blobs and submodules some parts have no files; they and what needs them are left out."""
    for path in sorted(checkout.glob("jobs/*")):
        try:
            parts.read_job(path)
        except BoshError:
            shutil.rmtree(path)
    for path in sorted(checkout.glob("packages/*")):
        try:
            vendored = path.is_dir() and parts.read_package(path, checkout).vendored
        except BoshError:
            vendored = True
        if vendored:
            shutil.rmtree(path)
    known = {path.name for path in checkout.glob("packages/*")}
    for spec in [*checkout.glob("packages/*/spec"), *checkout.glob("jobs/*/spec")]:
        body = go_yaml.load(spec.read_bytes())
        for key in ("packages", "dependencies"):
            body[key] = [name for name in body.get(key) or [] if name in known]
        spec.write_text(go_yaml.dump(body))
