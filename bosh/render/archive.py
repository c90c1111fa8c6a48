"""The rendered files of an instance as the agent fetches them, and the hashes that tell whether they changed.

Sources: `bosh: …/core/templates/rendered_job_instance.rb`, `compressed_rendered_job_templates.rb`; `bosh-agent:
agent/applier/jobs/rendered_job_applier.go` (takes the folder named after the job) and `owner_fix.go` (sets owner and modes itself: 0750
under ``bin/``, 0640 elsewhere, so the modes here are plain).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from io import BytesIO

from bosh.release.tarball import Entry, write_to
from bosh.render.model import RenderedJob


def pack(rendered: Sequence[RenderedJob]) -> bytes:
    """The ``rendered_templates_archive``: a gzipped tar of ``./JOB/monit`` and ``./JOB/…``; equal jobs give equal bytes."""
    stream = BytesIO()
    write_to(stream, _entries(rendered))
    return stream.getvalue()


def _entries(rendered: Sequence[RenderedJob]) -> Iterator[Entry]:
    for job in sorted(rendered, key=lambda job: job.name):
        yield Entry(f"{job.name}/monit", job.monit)
        for path in sorted(job.files):
            yield Entry(f"{job.name}/{path}", job.files[path])


def configuration_hash(rendered: Sequence[RenderedJob]) -> str:
    """SHA-1 over all jobs by name: monit, name, then each file's content and destination by source; 40 hex digits."""
    state = hashlib.sha1(usedforsecurity=False)
    for job in sorted(rendered, key=lambda job: job.name):
        state.update(job.monit)
        state.update(job.name.encode())
        for path in _by_source(job):
            state.update(job.files[path])
            state.update(path.encode())
    return state.hexdigest()


def template_hash(job: RenderedJob) -> str:
    """SHA-1 over one job's monit and the content of its files by source; 40 hex digits."""
    state = hashlib.sha1(job.monit, usedforsecurity=False)
    for path in _by_source(job):
        state.update(job.files[path])
    return state.hexdigest()


def _by_source(job: RenderedJob) -> list[str]:
    return sorted(job.files, key=lambda path: (job.sources.get(path, path), path))
