"""Other firewalls on this machine: Docker and ufw drop what is forwarded unless a rule of ``iptables`` accepts it.

A drop in any table is final, an acceptance is not: these rules only take away the neighbours' objection, the CPI's own table still decides.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Collection, Sequence

from cpi_kit.errors import CloudFailed

from container_cpi.config import Config

LOCK_WAIT_S = 10
"""How long iptables waits for others who change rules."""
_DIRECTIONS = ("-i", "-o")


def changes(listing: Sequence[str], tag: str, bridges: Collection[str]) -> list[list[str]]:
    """Arguments of ``iptables`` that turn the present rules into the wished ones. Pure.

    Args:
        listing: what ``iptables -S FORWARD`` says; its first line is the policy.
        tag: the comment that marks our rules.
    """
    objecting = any(line.split() == ["-P", "FORWARD", "DROP"] for line in listing)
    wanted = {(direction, bridge) for bridge in bridges for direction in _DIRECTIONS} if objecting else set()
    present = {rule for rule in (_ours(line, tag) for line in listing) if rule is not None}
    steps = [["-D", *_rule(rule, tag)] for rule in sorted(present - wanted)]
    return steps + [["-I", *_rule(rule, tag)] for rule in sorted(wanted - present)]


def _rule(rule: tuple[str, str], tag: str) -> list[str]:
    return ["FORWARD", *rule, "-m", "comment", "--comment", tag, "-j", "ACCEPT"]


def _ours(line: str, tag: str) -> tuple[str, str] | None:
    words = shlex.split(line)
    for direction in _DIRECTIONS:
        if words[:1] == ["-A"] and tag in words and direction in words:
            return direction, words[words.index(direction) + 1]
    return None


def make_way(config: Config, bridges: Collection[str]) -> None:
    """Have forwarded packets of these bridges accepted, and of no other bridge of ours. Raises CloudFailed."""
    if shutil.which("iptables") is None:
        return
    listing = _iptables(["-S", "FORWARD"]).splitlines()
    for step in changes(listing, config.cgroup, bridges):
        _iptables(step)


def _iptables(arguments: Sequence[str]) -> str:
    command = ["iptables", "-w", str(LOCK_WAIT_S), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LOCK_WAIT_S * 3)
    if done.returncode != 0:
        raise CloudFailed(f"cannot change the machine's firewall: {' '.join(command)}", details=done.stderr.strip())
    return done.stdout
