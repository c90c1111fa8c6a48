"""Faults of many instances as the one text that a failed deploy shows (`bosh: …/core/templates/job_instance_renderer.rb`). Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from bosh.render.model import FailedJob


def describe(failed: Mapping[str, Sequence[FailedJob]]) -> str:
    """The nested report.

    Args:
        failed: instance group → its failed jobs; the same fault on several instances of a group is said once.
    """
    groups = "\n".join(_group(name, jobs) for name, jobs in failed.items() if jobs)
    return "Unable to render instance groups for deployment. Errors are:\n" + textwrap.indent(groups, "  ")


def _group(name: str, jobs: Sequence[FailedJob]) -> str:
    texts = dict.fromkeys(str(job) for job in jobs)
    header = f"- Unable to render jobs for instance group '{name}'. Errors are:"
    return "\n".join([header, *(textwrap.indent(text, "  ") for text in texts)])
