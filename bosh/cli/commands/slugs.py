"""Names of instances as people type them."""

from __future__ import annotations

from bosh.cli.session import SessionError


def all_or_group_or_instance(text: str) -> tuple[str, str]:
    """``""``, ``group`` or ``group/index-or-id`` → (group or ``*``, instance or ``*``). Raises SessionError."""
    group, slash, instance = text.partition("/")
    if (slash and not (group and instance)) or "/" in instance:
        raise SessionError(f"Expected pool or instance '{text}' to be in format 'name' or 'name/id-or-index'")
    return group or "*", instance or "*"


def instance(text: str) -> tuple[str, str]:
    """``group/index-or-id``. Raises SessionError."""
    group, found = all_or_group_or_instance(text)
    if "*" in (group, found):
        raise SessionError(f"Expected instance '{text}' to be in format 'name/id-or-index'")
    return group, found


def name_and_version(text: str) -> tuple[str, str]:
    """``name/version``. Raises SessionError."""
    name, slash, version = text.partition("/")
    if not (name and slash and version):
        raise SessionError(f"Expected '{text}' to be in format 'name/version'")
    return name, version
