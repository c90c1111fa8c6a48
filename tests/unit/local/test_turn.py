"""One command at a time per environment."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path

from bosh.local.turn import turn


def is_free(root: Path) -> bool:
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_a_folder_is_held_and_given_back(tmp_path: Path):
    root = tmp_path / "new"
    with turn(root, lambda text: None):
        assert not is_free(root)
    assert is_free(root)


def test_who_waited_for_a_removed_folder_holds_the_new_one(tmp_path: Path):
    root = tmp_path / "x"
    waits, held, release = threading.Event(), threading.Event(), threading.Event()
    outcome: list[bool] = []

    def second() -> None:
        with turn(root, lambda text: waits.set()):
            outcome.append(root.exists() and not is_free(root))
            held.set()
            release.wait(5)

    thread = threading.Thread(target=second)
    with turn(root, lambda text: None):
        thread.start()
        assert waits.wait(5)
        shutil.rmtree(root)
    assert held.wait(5)
    release.set()
    thread.join(5)
    assert outcome == [True]
