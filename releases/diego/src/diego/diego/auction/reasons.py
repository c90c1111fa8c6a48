"""Why something was not placed, in the words that users see. Source: auction auctiontypes/types.go; rep resources.go."""

from __future__ import annotations

from collections.abc import Collection, Sequence

NO_ROOTFS = "found no compatible cell for required rootfs"
NO_VOLUME_DRIVERS = "found no compatible cell with required volume drivers"
NO_COMMUNICATION = "unable to communicate to compatible cells"
TOO_MANY_STARTING = "waiting to start instance: reached in-flight start limit"


def no_placement_tags(tags: Sequence[str]) -> str:
    """No cell has these tags (or, without tags, is free of required ones)."""
    quoted = [f'"{tag}"' for tag in tags]
    match quoted:
        case []:
            return "found no compatible cell with no placement tags"
        case [only]:
            return f"found no compatible cell with placement tag {only}"
        case [*first, last]:
            return f"found no compatible cell with placement tags {', '.join(first)} and {last}"
    raise AssertionError(quoted)


def insufficient(lacking: Collection[str]) -> str:
    """Compatible cells are full; named are the resources that every one of them lacks."""
    return f"insufficient resources: {', '.join(sorted(lacking))}" if lacking else "insufficient resources"
