"""The CLI's config file and what is taken from it."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from bosh.cli.globals import Globals
from bosh.cli.output import ui
from bosh.cli.session import ConfigFile, Environment, Session, SessionError
from bosh.clients.director import normalise


def session(path, **flags) -> Session:
    quiet = ui.JsonUi(out=__import__("io").StringIO(), interactive=False, columns=())
    return Session(replace(Globals(), config=str(path), **flags), quiet)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("10.0.0.6", "https://10.0.0.6:25555"),
        ("https://director.example:443/", "https://director.example:443"),
        ("http://10.0.0.6", "https://10.0.0.6:25555"),
        ("[fd00::1]:1234", "https://[fd00::1]:1234"),
    ],
)
def test_directors_are_reached_over_https_on_their_port(given, url):
    assert normalise(given) == url


def test_the_file_is_private_and_keeps_what_others_wrote(tmp_path):
    path = tmp_path / "config"
    path.write_text("environments: [{url: 'https://a:25555', alias: a, access_token: t}]")
    file = ConfigFile(path)
    file.write([*file.read(), Environment("https://b:25555", "b")])
    assert "access_token: t" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.alias for item in file.read()] == ["a", "b"]


def test_flags_win_over_the_file(tmp_path):
    path = tmp_path / "config"
    ConfigFile(path).write([Environment("https://a:25555", "a", "CA BEGIN", "admin", "old")])
    chosen = session(path, environment="a", client_secret="new").environment()
    assert (chosen.url, chosen.ca_cert, chosen.username, chosen.password) == (
        "https://a:25555",
        "CA BEGIN",
        "admin",
        "new",
    )


def test_an_environment_must_be_named(tmp_path):
    with pytest.raises(SessionError, match="Expected non-empty Director URL"):
        session(tmp_path / "none").environment()


def test_a_broken_file_is_told_about(tmp_path):
    (tmp_path / "config").write_text("environments: [")
    with pytest.raises(SessionError, match="cannot read the config file"):
        ConfigFile(tmp_path / "config").read()
