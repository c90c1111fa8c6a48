"""``delete_arp_entries({ips})``: addresses whose VM has changed (action/delete_arp_entries.go)."""

from __future__ import annotations

import logging
from ipaddress import ip_address

from bosh.agent.actions.contract import Action, Agent, Call
from bosh.wire.errors import BoshError

log = logging.getLogger(__name__)


async def run(agent: Agent, call: Call) -> dict[str, str]:
    for address in call.arguments.mapping(0).get("ips") or ():
        try:
            await agent.machine.tools.check(["ip", "neigh", "flush", "to", str(ip_address(address))])
        except (BoshError, ValueError) as error:
            # A stale entry ages out by itself: an address that cannot be flushed must not fail a deploy.
            log.warning("cannot forget the hardware address of %s: %s", address, error)
    return {}


ACTION = Action("delete_arp_entries", run)
