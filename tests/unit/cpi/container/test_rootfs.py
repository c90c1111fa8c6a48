from __future__ import annotations

from pathlib import Path

import pytest
from container_cpi.rootfs import inside, pick_init, resolv_conf, write_file


def test_plain_paths(tmp_path: Path) -> None:
    assert inside(tmp_path, "/etc/hosts") == tmp_path / "etc/hosts"
    assert inside(tmp_path, "/../../etc/./hosts") == tmp_path / "etc/hosts"


@pytest.mark.parametrize(
    ("target", "expected"),
    [("/real", "real/x"), ("real", "real/x"), ("../../../real", "real/x"), ("/", "x"), ("/a/../real", "real/x")],
)
def test_links_stay_inside(tmp_path: Path, target: str, expected: str) -> None:
    (tmp_path / "link").symlink_to(target)
    assert inside(tmp_path, "/link/x") == tmp_path / expected


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ValueError, match="too many links"):
        inside(tmp_path, "/a/x")


def test_write_file_replaces_a_link_instead_of_following_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/resolv.conf").symlink_to(outside)
    write_file(root, "/etc/resolv.conf", "new", mode=0o644)
    assert outside.read_text() == "untouched"
    assert (root / "etc/resolv.conf").read_text() == "new"
    assert (root / "etc/resolv.conf").stat().st_mode & 0o777 == 0o644


def test_write_file_makes_directories(tmp_path: Path) -> None:
    write_file(tmp_path, "/var/vcap/bosh/settings.json", "{}", mode=0o600)
    assert (tmp_path / "var/vcap/bosh/settings.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("files", "init"),
    [
        (["sbin/init"], "/sbin/init"),
        (["sbin/init", "usr/sbin/runsvdir-start", "etc/sv/agent/run"], "/usr/sbin/runsvdir-start"),
        (["usr/sbin/runsvdir-start", "etc/sv/agent/run", "lib/systemd/system/bosh-agent.service"], "/sbin/init"),
        (["sbin/init", "etc/sv/agent/run"], "/sbin/init"),
    ],
)
def test_which_init(tmp_path: Path, files: list[str], init: str) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    assert pick_init(tmp_path) == (init,)


def test_resolv_conf_with_servers() -> None:
    assert resolv_conf(["1.1.1.1", "2.2.2.2"]) == "nameserver 1.1.1.1\nnameserver 2.2.2.2\n"


def test_loopback_servers_of_the_machine_are_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stub").write_text("# comment\nnameserver 127.0.0.53\n")
    (tmp_path / "real").write_text("search x\nnameserver 10.0.0.2\nnameserver ::1\n")
    monkeypatch.setattr("container_cpi.rootfs._RESOLV_CONF", tmp_path / "stub")
    monkeypatch.setattr("container_cpi.rootfs._SYSTEMD_RESOLVED", tmp_path / "real")
    assert resolv_conf([]) == "nameserver 10.0.0.2\n"
    monkeypatch.setattr("container_cpi.rootfs._SYSTEMD_RESOLVED", tmp_path / "none")
    assert resolv_conf([]) == ""
