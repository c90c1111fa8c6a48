"""Builders run apart from the rest of the machine; here those parts that need neither root nor namespaces."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bosh.stemcell import process
from bosh.wire.errors import SystemFailure


def test_missing_tools_are_all_named_with_their_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tar").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemFailure) as caught:
        process.require("tar", "mmdebstrap", "unshare")
    assert caught.value.details == "not found on PATH: mmdebstrap, unshare"
    assert "apt-get install mmdebstrap util-linux" in caught.value.resolution


def test_an_ordinary_user_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemFailure, match="as an ordinary user") as caught:
        process.require()
    assert "sudo" in caught.value.resolution
