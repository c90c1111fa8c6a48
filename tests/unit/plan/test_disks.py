from __future__ import annotations

import pytest

from bosh.plan.disks import disk_changes
from bosh.plan.model import CurrentDisk
from bosh.testing.builders import disk


def old(size_mb: int, name: str = "", **rest) -> CurrentDisk:
    return CurrentDisk(f"{name or 'd'}-{size_mb}", size_mb, rest.pop("cloud_properties", {}), name, **rest)


@pytest.mark.parametrize(
    ("existing", "wanted", "expected"),
    [
        pytest.param([], [], "", id="none, none wanted"),
        pytest.param([], [disk(10)], "+10 | 10 MiB added", id="a first disk"),
        pytest.param([old(10)], [disk(10)], "=d-10 |", id="the same"),
        pytest.param([old(10)], [disk(20)], "+20 -d-10 | size 10 → 20 MiB", id="another size"),
        pytest.param([old(10)], [disk(10, type="ssd")], "+10 -d-10 | cloud properties: type ssd added", id="another type"),
        pytest.param([old(10)], [], "-d-10 | 10 MiB no longer wanted", id="no longer wanted"),
        pytest.param([old(10, "a"), old(20, "b")], [disk(10, "a"), disk(30, "c")], "+30 =a-10 -b-20 | c: 30 MiB added; b: 20 MiB no longer wanted", id="named disks, each for itself"),
        pytest.param([old(10)], [disk(10, "a")], "+10 -d-10 | a: 10 MiB added; 10 MiB no longer wanted", id="an unnamed disk is none of the named"),
        pytest.param([old(10, active=False)], [disk(10)], "+10 | 10 MiB added", id="an inactive disk is nobody's business"),
    ],
)  # fmt: skip
def test_disk_changes(existing, wanted, expected: str) -> None:
    changes = disk_changes(existing, wanted)
    parts = [f"+{one.size_mb}" for one in changes.create] + [f"={one.cid}" for one in changes.keep]
    parts += [f"-{one.cid}" for one in changes.orphan]
    text = " ".join(parts)
    assert (f"{text} | {'; '.join(changes.reasons)}".strip() if text else "") == expected


def test_all_disks_are_made_anew_when_asked() -> None:
    changes = disk_changes([old(10)], [disk(10)], recreate=True)
    assert (len(changes.create), len(changes.orphan), changes.keep) == (1, 1, ())
