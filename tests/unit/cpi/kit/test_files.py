from __future__ import annotations

import threading
from pathlib import Path

import pytest
from cpi_kit.files import locked, new_cid, read_json, safe_cid, write_json, write_whole


def test_round_trip_is_private_and_leaves_no_draft(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    write_json(tmp_path / "a.json", {"x": 2})
    assert read_json(tmp_path / "a.json") == {"x": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", b"old")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "a", "no bytes")  # type: ignore[arg-type]
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_no_file_reads_as_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None


def test_lock_excludes_other_threads(tmp_path: Path) -> None:
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.set()
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        assert entered.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


@pytest.mark.parametrize("cid", ["", ".", "..", "../x", "a/b", ".hidden", "a b", "a\0"])
def test_unsafe_cids(cid: str) -> None:
    assert not safe_cid(cid)


def test_new_cids_are_safe_and_new() -> None:
    assert safe_cid(new_cid("vm"))
    assert new_cid("vm") != new_cid("vm")
