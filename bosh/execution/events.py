"""What happened to things in a cloud, as events: one when it begins, one when it has ended or failed (bosh: event_manager)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bosh.execution.world import World


@dataclass
class Recording:
    """An event under way. ``name`` may be filled in when the cloud has given one."""

    name: str
    context: dict[str, Any] = field(default_factory=dict)


@contextmanager
def recorded(
    world: World,
    action: str,
    object_type: str,
    name: str = "",
    *,
    instance: str = "",
    context: dict[str, Any] | None = None,
) -> Iterator[Recording]:
    """Record the beginning, and the end with what went wrong if something did."""
    about: dict[str, Any] = {"deployment": world.deployment, "instance": instance}
    parent = world.control.event(action, object_type, name, context=context, **about)
    recording = Recording(name)
    try:
        yield recording
    except BaseException as error:
        world.control.event(
            action, object_type, recording.name, error=_text(error), parent_id=parent, context=context, **about
        )
        raise
    world.control.event(
        action, object_type, recording.name, parent_id=parent, context=recording.context or context, **about
    )


def _text(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "Task cancelled"
    return str(error) or type(error).__name__
