"""bosh/wire/heartbeat.py: the forms of the original."""

from __future__ import annotations

import json

from bosh.wire.heartbeat import ALERT, Alert, Cpu, Heartbeat, Memory, Process, Usage, Vitals


def test_vitals_are_texts() -> None:
    vitals = Vitals(Cpu(1.25, 0.5, 0), Memory(2048, 3), Memory(0, 0), (0.1, 1, 2.345), 77, {"system": Usage(40, 5)})
    assert vitals.to_json() == {
        "cpu": {"sys": "0.5", "user": "1.2", "wait": "0.0"},
        "disk": {"system": {"inode_percent": "5", "percent": "40"}},
        "load": ["0.10", "1.00", "2.35"],
        "mem": {"kb": "2048", "percent": "3"},
        "swap": {"kb": "0", "percent": "0"},
        "uptime": {"secs": 77},
    }


def test_a_process_leaves_out_what_it_does_not_know() -> None:
    assert Process("web", "running", 5, 100, 1.5, 0.2).to_json() == {
        "name": "web",
        "state": "running",
        "uptime": {"secs": 5},
        "mem": {"kb": 100, "percent": 1.5},
        "cpu": {"total": 0.2},
    }
    assert Process("web", "unknown").to_json() == {
        "name": "web",
        "state": "unknown",
        "uptime": {},
        "mem": {"percent": 0.0},
        "cpu": {"total": 0.0},
    }


def test_heartbeat_and_alert() -> None:
    beat = json.loads(Heartbeat("dep", "web", 0, "running", {"load": []}, "id", 2).encode())
    assert beat == {
        "deployment": "dep",
        "job": "web",
        "index": 0,
        "job_state": "running",
        "vitals": {"load": []},
        "node_id": "id",
        "number_of_processes": 2,
    }
    alert = json.loads(Alert("1", ALERT, "t", "s", 5).encode())
    assert alert == {"id": "1", "severity": 1, "title": "t", "summary": "s", "created_at": 5}
