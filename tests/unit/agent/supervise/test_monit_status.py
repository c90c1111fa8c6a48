"""bosh/agent/supervise/monit_status.py"""

from __future__ import annotations

import pytest

from bosh.agent.supervise.monit_status import Service, job_state, parse
from bosh.wire.errors import BoshError

DOCUMENT = b"""<?xml version="1.0" encoding="ISO-8859-1"?><monit id="x" incarnation="17" version="5.33.0"><services>
<service name="web"><type>3</type><status>0</status><monitor>1</monitor><pendingaction>0</pendingaction><uptime>12</uptime>
<memory><percent>0.1</percent><percenttotal>0.2</percenttotal><kilobyte>5</kilobyte><kilobytetotal>9</kilobytetotal></memory>
<cpu><percent>0.3</percent><percenttotal>0.4</percenttotal></cpu></service>
<service name="db"><status>512</status><status_message>gone &amp; away</status_message><monitor>1</monitor>
<pendingaction>2</pendingaction></service>
<service name="vm"><type>5</type><status>0</status><monitor>1</monitor></service></services>
<servicegroups><servicegroup name="other"><service>vm</service></servicegroup>
<servicegroup name="vcap"><service>web</service><service>db</service></servicegroup></servicegroups></monit>"""


def test_a_status() -> None:
    status = parse(DOCUMENT)
    assert status.incarnation == "17"
    web, db = status.services
    assert web == Service("web", 1, 0, "", 0, 12, 9, 0.2, 0.4)
    assert (web.state, web.errored, db.state, db.errored, db.pending) == ("running", False, "failing", True, 2)
    assert db.status_message == "gone & away"
    assert web.to_process().to_json()["mem"] == {"kb": 9, "percent": 0.2}


@pytest.mark.parametrize("document", [b"", b"<monit>", b"<html></html>"])
def test_anything_else_is_refused(document: bytes) -> None:
    with pytest.raises(BoshError, match="Unmarshalling Monit status"):
        parse(document)


def test_the_state_of_all_jobs() -> None:
    ok, starting, dead, unwatched = Service("a", 1), Service("b", 2), Service("c", 1, 512), Service("d")
    assert job_state([], stopped=False) == "running"
    assert job_state([ok], stopped=False) == "running"
    assert job_state([ok, dead, starting], stopped=False) == "starting"
    assert job_state([ok, dead], stopped=False) == "failing"
    assert job_state([ok, unwatched], stopped=False) == "failing"
    assert job_state([dead], stopped=True) == "stopped"
    assert unwatched.state == "unknown"
