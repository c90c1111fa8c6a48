"""``update`` sections (bosh: deployment_plan/update_config.rb)."""

from __future__ import annotations

import re
from typing import Any, Final

from bosh.manifest.faults import did_you_mean
from bosh.manifest.model import Amount, Update, WatchTime
from bosh.manifest.reading import INVALID_VALUE, REQUIRED, Node

INVALID_WATCH_TIME: Final = 180001

VM_STRATEGIES: Final = ("delete-create", "create-swap-delete")
AZ_STRATEGIES: Final = ("serial", "parallel")
_KEYS: Final = (
    "canaries", "max_in_flight", "canary_watch_time", "update_watch_time", "serial", "vm_strategy",
    "initial_deploy_az_update_strategy",
)  # fmt: skip
_AMOUNT = re.compile(r"[-+]?[0-9]+%?")
_WATCH_TIME = re.compile(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?")


def update(
    node: Node, above: Update | None, *, canaries: str = "", max_in_flight: str = "", default_vm_strategy: str = ""
) -> Update:
    """An update section; what it leaves out comes from ``above``, the deployment's, or is required when there is none.

    Args:
        canaries, max_in_flight: the deploy command's, which win over everything written.
    """
    node.known(_KEYS)
    parent: Any = above
    return Update(
        canaries=_amount(node, "canaries", canaries, parent.canaries if above else None),
        max_in_flight=_amount(node, "max_in_flight", max_in_flight, parent.max_in_flight if above else None),
        canary_watch_time=_watch_time(node, "canary_watch_time", parent.canary_watch_time if above else None),
        update_watch_time=_watch_time(node, "update_watch_time", parent.update_watch_time if above else None),
        serial=bool(node.boolean("serial", default=parent.serial if above else True)),
        vm_strategy=_choice(
            node,
            "vm_strategy",
            VM_STRATEGIES,
            parent.vm_strategy if above else default_vm_strategy or VM_STRATEGIES[0],
        ),
        initial_deploy_az_update_strategy=_choice(
            node,
            "initial_deploy_az_update_strategy",
            AZ_STRATEGIES,
            parent.initial_deploy_az_update_strategy if above else AZ_STRATEGIES[0],
        ),
    )


def _amount(node: Node, key: str, override: str, above: Amount | None) -> Amount:
    if not override and above and key not in node:
        return above
    text = override or node.text(key, "" if above else REQUIRED)
    if not _AMOUNT.fullmatch(text):
        if text:
            node.fault(f'expected a number or a percentage, found text "{text}"', code=INVALID_VALUE, key=key)
        return Amount(1)
    return Amount(int(text.removesuffix("%")), text.endswith("%"))


def _watch_time(node: Node, key: str, above: WatchTime | None) -> WatchTime:
    if above and key not in node:
        return above
    text = node.text(key)
    match = _WATCH_TIME.fullmatch(text)
    if not match:
        if text:
            node.fault(
                f'expected milliseconds ("30000" or "1000-30000"), found text "{text}"',
                code=INVALID_WATCH_TIME,
                key=key,
            )
        return WatchTime(0, 0)
    least, most = int(match[1]), int(match[2] or match[1])
    if least > most:
        node.fault(f"the minimum {least} is greater than the maximum {most}", code=INVALID_WATCH_TIME, key=key)
    return WatchTime(least, most)


def _choice(node: Node, key: str, allowed: tuple[str, ...], default: str) -> Any:
    value = node.text(key, default)
    if value in allowed:
        return value
    node.fault(
        f'"{value}" is not one of {", ".join(allowed)}{did_you_mean(value, allowed)}', code=INVALID_VALUE, key=key
    )
    return allowed[0]
