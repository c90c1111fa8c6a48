"""Names of instances, releases and stemcells as people type them (bosh-cli: director/*_slug.go)."""

from __future__ import annotations

from bosh.cli.failures import UsageError


def group_or_instance(text: str) -> tuple[str, str]:
    """``group`` or ``group/index-or-id`` → (group, instance or ``*``). Raises UsageError."""
    group, slash, found = text.partition("/")
    if "/" in found:
        raise UsageError(f"Expected pool or instance '{text}' to be in format 'name' or 'name/id-or-index'")
    if not group:
        raise UsageError(f"Expected pool or instance '{text}' to specify non-empty name")
    if slash and not found:
        raise UsageError(f"Expected instance '{text}' to specify non-empty ID or index")
    return group, found or "*"


def all_or_group_or_instance(text: str) -> tuple[str, str]:
    """``""``, ``group`` or ``group/index-or-id`` → (group or ``*``, instance or ``*``). Raises UsageError."""
    return group_or_instance(text) if text else ("*", "*")


def _pair(text: str, what: str, form: str, second: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash or "/" in rest:
        raise UsageError(f"Expected {what} '{text}' to be in format '{form}'")
    if not first:
        raise UsageError(f"Expected {what} '{text}' to specify non-empty name")
    if not rest:
        raise UsageError(f"Expected {what} '{text}' to specify non-empty {second}")
    return first, rest


def instance(text: str) -> tuple[str, str]:
    """``group/index-or-id``. Raises UsageError."""
    return _pair(text, "instance", "name/index-or-id", "index or ID")


def release(text: str) -> tuple[str, str]:
    """``name/version``. Raises UsageError."""
    return _pair(text, "release", "name/version", "version")


def release_or_series(text: str) -> tuple[str, str]:
    """``name`` or ``name/version`` → (name, version or nothing). Raises UsageError."""
    if text.count("/") > 1:
        raise UsageError(f"Expected release or series '{text}' to be in format 'name' or 'name/version'")
    if "/" not in text and text:
        return text, ""
    return _pair(text, "release", "name/version", "version")


def stemcell(text: str) -> tuple[str, str]:
    """``name/version``. Raises UsageError."""
    return _pair(text, "stemcell", "name/version", "version")


def os_and_version(text: str) -> tuple[str, str]:
    """``os/version``. Raises UsageError."""
    return _pair(text, "OS", "name/version", "version")
