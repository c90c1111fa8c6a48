"""monit's mails → alerts (bosh-agent: jobsupervisor/alert_envelope.go, agent/alert/monit_adapter.go)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

from bosh.wire.heartbeat import ALERT, CRITICAL, ERROR, IGNORED, WARNING, Alert

MAIL_FORMAT = """set mail-format {
  from: monit@localhost
  subject: Monit Alert
  message: Service: $SERVICE
Event: $EVENT
Action: $ACTION
Date: $DATE
Description: $DESCRIPTION
}
"""
"""What the parser below expects; written into monit's configuration."""

_FIELDS = {"Service": "service", "Event": "event", "Action": "action", "Date": "date", "Description": "description"}
_MESSAGE_ID = re.compile(r"Message-id: <([^>]+)>", re.IGNORECASE)

_FAMILIES: dict[str, tuple[int, int]] = {
    # kind: (… failed, … changed); "succeeded" and "not changed" are good news
    "checksum": (CRITICAL, WARNING),
    "connection": (ALERT, ERROR),
    "data access": (ERROR, WARNING),
    "execution": (ALERT, WARNING),
    "filesystem flags": (ERROR, WARNING),
    "gid": (ERROR, WARNING),
    "heartbeat": (ERROR, WARNING),
    "icmp": (CRITICAL, WARNING),
    "monit instance": (ALERT, IGNORED),
    "permission": (ERROR, WARNING),
    "pid": (CRITICAL, WARNING),
    "ppid": (CRITICAL, WARNING),
    "resource limit": (ERROR, WARNING),
    "size": (ERROR, ERROR),
    "timestamp": (ERROR, WARNING),
    "uid": (CRITICAL, WARNING),
}

_SINGLE = {
    "action done": IGNORED,
    "content failed": ERROR,
    "content succeeded": IGNORED,
    "content match": IGNORED,
    "content doesn't match": ERROR,
    "data access error": ERROR,
    "invalid type": ERROR,
    "type succeeded": IGNORED,
    "type changed": WARNING,
    "type not changed": IGNORED,
    "does not exist": ALERT,
    "exists": IGNORED,
    "existence changed": WARNING,
    "existence not changed": IGNORED,
    "resource limit matched": ERROR,
    "timeout": CRITICAL,
    "timeout recovery": IGNORED,
    "timeout changed": WARNING,
    "timeout not changed": IGNORED,
    # Names that monit 5.33 uses for the events above.
    "existence failed": ALERT,
    "existence succeeded": IGNORED,
    "instance changed": IGNORED,
    "instance changed not": IGNORED,
    "status failed": ALERT,
    "status succeeded": IGNORED,
}


@dataclass(frozen=True, slots=True)
class MonitEvent:
    id: str = ""
    service: str = ""
    event: str = ""
    action: str = ""
    date: str = ""
    description: str = ""


def parse_mail(lines: Iterable[str]) -> MonitEvent | None:
    """The event in a mail; None when there is nothing of the kind in it."""
    event = MonitEvent()
    for raw in lines:
        line = raw.strip()
        if found := _MESSAGE_ID.fullmatch(line):
            event = replace(event, id=found[1])
        name, separator, value = line.partition(": ")
        if separator and name in _FIELDS:
            event = replace(event, **{_FIELDS[name]: value})
    return event if event != MonitEvent() else None


def severity(event: str) -> int:
    """Of an event's name, whatever its case; an unknown one is critical."""
    name = event.lower()
    if name in _SINGLE:
        return _SINGLE[name]
    for family, (failed, changed) in _FAMILIES.items():
        levels = {"failed": failed, "changed": changed, "succeeded": IGNORED, "not changed": IGNORED}
        if name.startswith(f"{family} ") and name.removeprefix(f"{family} ") in levels:
            return levels[name.removeprefix(f"{family} ")]
    return CRITICAL


def to_alert(event: MonitEvent, ips: Sequence[str], now_s: int) -> Alert | None:
    """None for good news. An unreadable date becomes now."""
    level = severity(event.event)
    if level == IGNORED:
        return None
    service = f"{event.service} ({', '.join(sorted(ips))})" if ips else event.service
    return Alert(
        id=event.id,
        severity=level,
        title=f"{service} - {event.event} - {event.action}",
        summary=event.description,
        created_at=_seconds(event.date, now_s),
    )


def _seconds(date: str, now_s: int) -> int:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError):
        return now_s
