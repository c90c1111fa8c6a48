"""bosh/agent/supervise/monit_mail.py"""

from __future__ import annotations

import pytest

from bosh.agent.supervise.monit_mail import MonitEvent, parse_mail, severity, to_alert
from bosh.wire.heartbeat import Alert

MAIL = """Message-id: <1304319946.0@localhost>
From: monit@localhost
Service: web
Event: Does not exist
Action: restart
Date: Sun, 22 May 2011 20:07:41 +0500
Description: process is not running
"""
EVENT = MonitEvent(
    "1304319946.0@localhost",
    "web",
    "Does not exist",
    "restart",
    "Sun, 22 May 2011 20:07:41 +0500",
    "process is not running",
)


def test_a_mail_is_an_event() -> None:
    assert parse_mail(MAIL.splitlines()) == EVENT
    assert parse_mail(["Subject: x"]) is None


def test_an_event_is_an_alert() -> None:
    assert to_alert(EVENT, ["10.0.0.2", "10.0.0.1"], 0) == Alert(
        EVENT.id, 1, "web (10.0.0.1, 10.0.0.2) - Does not exist - restart", "process is not running", 1306076861
    )
    undated = to_alert(MonitEvent(service="web", event="timeout", action="alert", date="some day"), [], 99)
    assert undated == Alert("", 2, "web - timeout - alert", "", 99)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("Exists", -1),
        ("action done", -1),
        ("pid failed", 2),
        ("PID changed", 4),
        ("ppid failed", 2),
        ("size changed", 3),
        ("monit instance failed", 1),
        ("monit instance changed", -1),
        ("icmp not changed", -1),
        ("data access error", 3),
        ("never heard of", 2),
    ],
)
def test_severities(event: str, expected: int) -> None:
    assert severity(event) == expected
    assert (to_alert(MonitEvent(event=event), [], 0) is None) == (expected == -1)
