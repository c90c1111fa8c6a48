"""The kinds of problems and the resolutions each offers (bosh: problem_handlers/*.rb). Pure.

The first resolution of a kind is what a person would choose by pressing return; ``AUTOMATIC`` is what ``--auto`` applies.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resolution:
    name: str
    plan: str


IGNORE = "ignore"

_SKIP = Resolution(IGNORE, "Skip for now")
_RECREATE_WITHOUT_WAIT = Resolution("recreate_vm_without_wait", "Recreate VM without waiting for processes to start")
_RECREATE = Resolution("recreate_vm", "Recreate VM and wait for processes to start")

RESOLUTIONS: dict[str, tuple[Resolution, ...]] = {
    "missing_vm": (
        _SKIP,
        _RECREATE_WITHOUT_WAIT,
        _RECREATE,
        Resolution("delete_vm_reference", "Delete VM reference"),
    ),
    "unresponsive_agent": (
        _SKIP,
        Resolution("reboot_vm", "Reboot VM"),
        _RECREATE_WITHOUT_WAIT,
        _RECREATE,
        Resolution("delete_vm", "Delete VM"),
        Resolution(
            "delete_vm_reference",
            "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)",
        ),
    ),
    "missing_disk": (_SKIP, Resolution("delete_disk_reference", "Delete disk reference (DANGEROUS!)")),
    "inactive_disk": (_SKIP, Resolution("delete_disk", "Delete disk"), Resolution("activate_disk", "Activate disk")),
    "mount_info_mismatch": (
        Resolution(IGNORE, "Ignore"),
        Resolution("reattach_disk", "Reattach disk to instance"),
        Resolution("reattach_disk_and_reboot", "Reattach disk and reboot instance"),
    ),
}

AUTOMATIC = {
    "missing_vm": "recreate_vm_without_wait",
    "unresponsive_agent": IGNORE,
    "missing_disk": IGNORE,
    "inactive_disk": IGNORE,
    "mount_info_mismatch": IGNORE,
}


def chosen(kind: str, name: str | None) -> Resolution:
    """The resolution of that name, or the automatic one.

    Raises:
        KeyError: the kind offers no such resolution.
    """
    wanted = name or AUTOMATIC[kind]
    for resolution in RESOLUTIONS[kind]:
        if resolution.name == wanted:
            return resolution
    raise KeyError(wanted)
