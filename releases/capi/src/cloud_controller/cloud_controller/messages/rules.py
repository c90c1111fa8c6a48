"""Rules of security groups (cloud_controller_ng: app/messages/validators/security_group_rule_validator.rb)."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from cloud_controller.state.store import Record

PROTOCOLS: Final = ("tcp", "udp", "icmp", "icmpv6", "all")
FIELDS: Final = frozenset({"protocol", "destination", "ports", "type", "code", "description", "log"})
_PORTS = re.compile(r"^\d+(-\d+|(,\s*\d+)*)$")


def problems_of(rules: list[Any]) -> list[str]:
    """What is wrong, each with the number of its rule."""
    return [f"Rules[{index}]: {problem}" for index, rule in enumerate(rules) for problem in _of_rule(rule)]


def _of_rule(rule: Any) -> list[str]:
    if not isinstance(rule, dict):
        return ["must be an object"]
    found = [f"unknown field(s): '{name}'" for name in rule if name not in FIELDS]
    if rule.get("protocol") not in PROTOCOLS:
        found.append("protocol must be 'tcp', 'udp', 'icmp', 'icmpv6' or 'all'")
    found += _of_destination(rule.get("destination"))
    if rule.get("protocol") in {"tcp", "udp"}:
        found += _of_ports(rule.get("ports"))
    if rule.get("protocol") in {"icmp", "icmpv6"}:
        found += _of_icmp(rule)
    if "log" in rule and not isinstance(rule["log"], bool):
        found.append("log must be a boolean")
    return found


def _of_destination(value: Any) -> list[str]:
    if not isinstance(value, str) or not value:
        return ["destination must be a string"]
    if all(_is_range(part.strip()) for part in value.split(",")):
        return []
    return ["destination must be a valid CIDR, IP address, or IP address range"]


def _is_range(text: str) -> bool:
    first, dash, last = text.partition("-")
    try:
        if not dash:
            ipaddress.ip_network(text, strict=False)
            return True
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    except ValueError:
        return False
    return low.version == high.version and int(low) <= int(high)


def _of_ports(value: Any) -> list[str]:
    if value is None:
        return ["ports are required for protocols of type TCP and UDP"]
    if not isinstance(value, str) or not _PORTS.match(value):
        return [
            "ports must be a valid single port, comma separated list of ports, or range or ports, formatted as a string"
        ]
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    if any(not 0 < number < 65536 for number in numbers) or ("-" in value and numbers[0] > numbers[1]):
        return [
            "ports must be a valid single port, comma separated list of ports, or range or ports, formatted as a string"
        ]
    return []


def _of_icmp(rule: Record) -> list[str]:
    found = []
    for name in ("type", "code"):
        value = rule.get(name)
        if value is None:
            found.append(f"{name} is required for protocols of type ICMP")
        elif isinstance(value, bool) or not isinstance(value, int) or not -1 <= value <= 255:
            found.append(f"{name} must be an integer between -1 and 255 (inclusive)")
    return found
