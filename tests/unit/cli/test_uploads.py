"""What of a release is sent, and what is not."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from bosh.cli.commands import releases
from bosh.cli.commands.releases import Upload, upload_one
from bosh.cli.commands.ssh import results_table
from bosh.cli.commands.uploads import without_credentials
from bosh.cli.failures import SessionError
from bosh.cli.output.table import for_json
from bosh.cli.output.ui import PeopleUi
from bosh.clients.director import Reply
from bosh.release.repack import inspect
from bosh.testing import archives


class FakeDirector:
    """Has release ``web/1`` compiled for one stemcell, and knows the packages it is told."""

    def __init__(self, known: list[str]) -> None:
        self.known = known

    def get(self, path: str, **_query: object) -> object:
        if path == "/releases":
            return [{"name": "web", "release_versions": [{"version": "1"}]}]
        return {"jobs": [], "packages": [{"blobstore_id": None, "compiled_packages": [{"stemcell": "debian/1"}]}]}

    def call(self, _method: str, path: str, **_options: object) -> Reply:
        assert path == "/packages/matches"
        return Reply(200, {}, json.dumps(self.known).encode())


class FakeSession:
    def __init__(self, known: list[str] | None = None) -> None:
        self.out = io.StringIO()
        self.ui = PeopleUi(out=self.out, err=self.out, color=False, interactive=False, columns=())
        self._director = FakeDirector(known or [])

    def director(self) -> FakeDirector:
        return self._director


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """(name/version, files of packages) of each release sent."""
    found: list[tuple[str, list[str]]] = []

    def send(_session: object, _path: str, file: Path, **_options: object) -> None:
        listed = subprocess.run(["tar", "tzf", str(file)], capture_output=True, text=True, check=True).stdout.split()
        manifest = inspect(file)
        packages = sorted(name for name in listed if name.startswith("packages/") and name.endswith(".tgz"))
        found.append((f"{manifest.name}/{manifest.version}", packages))

    monkeypatch.setattr(releases, "send_file", send)
    return found


def test_packages_that_the_director_has_stay_here(tmp_path, sent):
    path = archives.release(tmp_path, "web", "2", packages={"a": [], "b": []})
    known = [package.fingerprint for package in inspect(path).packages if package.name == "a"]
    upload_one(FakeSession(known), str(path), Upload())
    upload_one(FakeSession(), str(path), Upload())
    upload_one(FakeSession(known), str(path), Upload(fix=True))
    everything = ["packages/a.tgz", "packages/b.tgz"]
    assert sent == [("web/2", ["packages/b.tgz"]), ("web/2", everything), ("web/2", everything)]


@pytest.mark.parametrize(
    ("stemcell", "is_there"),
    [("debian/1", True), ("debian/2", False), ("", False)],
    ids=["compiled", "other", "source"],
)
def test_a_release_is_there_when_it_can_be_used(tmp_path, sent, stemcell, is_there):
    path, session = archives.release(tmp_path, "web", "1"), FakeSession()
    upload_one(session, str(path), Upload("web", "1", stemcell=stemcell))
    assert ("already exists." in session.out.getvalue()) == is_there
    assert bool(sent) != is_there


@pytest.mark.parametrize("source", ["git+file:///nonexistent", "/nonexistent.tgz"])
def test_what_is_not_there_cannot_be_uploaded(source):
    with pytest.raises(SessionError, match="nonexistent"):
        upload_one(FakeSession(), source, Upload())


def test_no_password_is_shown():
    assert without_credentials("https://me:secret@host/a@b") == "https://<redacted>:<redacted>@host/a@b"
    assert without_credentials("https://host/a@b") == "https://host/a@b"


def test_results_say_how_each_command_ended():
    rows = for_json(results_table([("web/1", "out", "", 0), ("web/2", "", "bad", 3)]))["Rows"]
    assert [(row["exit_code"], row["error"]) for row in rows] == [("0", ""), ("3", "exit status 3")]
