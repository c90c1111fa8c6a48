"""In which order a group's instances are updated, and how many at once (bosh: instance_group_updater.rb, instance_plan_sorter.rb)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bosh.manifest.model import Amount, InstanceGroup, Update
from bosh.plan.model import Batch, Options, UpdateInstance
from bosh.wire.errors import BoshError


def update_with(update: Update, options: Options) -> Update:
    """An ``update`` section with what the operator said for this deploy.

    Raises:
        BoshError: 40005, ``--canaries`` or ``--max-in-flight`` is neither a number nor a percentage.
    """
    if options.canaries:
        update = replace(update, canaries=_amount(options.canaries, "canaries"))
    if options.max_in_flight:
        update = replace(update, max_in_flight=_amount(options.max_in_flight, "max-in-flight"))
    return update


def _amount(text: str, name: str) -> Amount:
    match = re.fullmatch(r"\s*(\d+)\s*(%?)\s*", text)
    if match is None:
        raise BoshError(f"cannot read {name} '{text}'", resolution="Give a number or a percentage: 2, 20%.", code=40005)
    return Amount(int(match[1]), percent=bool(match[2]))


def batches(steps: Sequence[UpdateInstance], update: Update, *, initial_deploy: bool) -> tuple[Batch, ...]:
    """Zone after zone, canaries first and only in the first zone.

    Both numbers are counted from the instances to be updated in that zone. On a first deploy with the strategy ``parallel`` all zones
    are one.
    """
    ordered = _sorted(steps)
    if update.initial_deploy_az_update_strategy == "parallel" and initial_deploy:
        return tuple(_zone(ordered, update, az="", with_canaries=True)) if ordered else ()
    zones: dict[str, list[UpdateInstance]] = {}
    for step in ordered:
        zones.setdefault(step.instance.az, []).append(step)
    return tuple(
        batch
        for position, (az, ones) in enumerate(zones.items())
        for batch in _zone(ones, update, az=az, with_canaries=position == 0)
    )


def _zone(steps: Sequence[UpdateInstance], update: Update, *, az: str, with_canaries: bool) -> list[Batch]:
    in_flight = update.max_in_flight.of(len(steps), least=1)
    canaries = min(update.canaries.of(len(steps), least=0), len(steps)) if with_canaries else 0
    result = []
    if canaries:
        first = tuple(replace(step, canary=True) for step in steps[:canaries])
        result.append(Batch(first, in_flight, canary=True, az=az))
    if rest := tuple(steps[canaries:]):
        result.append(Batch(rest, in_flight, az=az))
    return result


def _sorted(steps: Sequence[UpdateInstance]) -> list[UpdateInstance]:
    """The bootstrap instance, the rest of its zone, those without a zone, then zone by zone; inside by id."""
    bootstrap = next((step.instance for step in steps if step.instance.bootstrap), None)

    def place(step: UpdateInstance) -> tuple[bool, bool, str, str]:
        one = step.instance
        first_zone = bootstrap is not None and one.az == bootstrap.az
        return (not one.bootstrap, not first_zone, one.az, one.id)

    return sorted(steps, key=place)


def partitions(groups: Sequence[InstanceGroup]) -> dict[str, int]:
    """Group name → number of the run of neighbours it belongs to: consecutive groups with the same ``serial``."""
    result: dict[str, int] = {}
    number = 0
    for position, group in enumerate(groups):
        if position and group.update.serial != groups[position - 1].update.serial:
            number += 1
        result[group.name] = number
    return result
