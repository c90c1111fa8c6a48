"""Job templates and bindings in, files or faults out; which engine renders a template is its suffix's choice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bosh.render.erb import ErbProcess, ErbResult, RubyDied
from bosh.render.jinja import SUFFIX, JinjaEngine
from bosh.render.model import Binding, DnsIds, FailedJob, JobTemplates, RenderedJob, TemplateFault
from bosh.wire.errors import JobInvalidPropertySpec, JobTemplateBindingFailed

LINKS_FILE = ".bosh/links.json"

Rendered = RenderedJob | FailedJob


class Renderer:
    """Renders jobs for instances. Ruby is started with the first ERB template and kept until ``stop``.

    Args:
        ruby: the interpreter.
        processes: how many rubies share the work.
        template_limit_s: how long one template may take.
    """

    def __init__(self, *, ruby: str = "ruby", processes: int = 1, template_limit_s: float = 30.0) -> None:
        self._rubies = [ErbProcess(ruby=ruby, template_limit_s=template_limit_s) for _ in range(max(1, processes))]
        self._spare = ErbProcess(ruby=ruby, template_limit_s=template_limit_s)
        self._one_at_a_time = asyncio.Lock()
        self._jinja = JinjaEngine()

    async def __aenter__(self) -> Renderer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End the ruby processes."""
        await asyncio.gather(*(process.stop() for process in (*self._rubies, self._spare)))

    async def render(self, work: Sequence[tuple[JobTemplates, Binding]]) -> list[Rendered]:
        """Render each job with its binding; the results stand in the order of the work.

        Raises:
            SystemFailure: there is no ruby and a template needs it.
        """
        count = len(self._rubies)
        return list(
            await asyncio.gather(
                *(self._render(job, binding, self._rubies[place % count]) for place, (job, binding) in enumerate(work))
            )
        )

    async def _render(self, job: JobTemplates, binding: Binding, ruby: ErbProcess) -> Rendered:
        refused = _refused(job, binding)
        if refused:
            return FailedJob(job.name, (), refused)
        spec = {**binding.spec, "properties": binding.properties, "links": binding.links}
        erb = iter(await self._erb(job, spec, binding.dns if binding.links else DnsIds(), ruby))
        outcomes: dict[str, bytes | TemplateFault] = {"": _outcome(job, "monit", next(erb))}
        for source, (_, text) in job.templates.items():
            if source.endswith(SUFFIX):
                outcomes[source] = self._jinja.render(job, source, text, binding, spec)
            else:
                outcomes[source] = _outcome(job, source, next(erb))
        return _assemble(job, outcomes, binding)

    async def _erb(
        self, job: JobTemplates, spec: Mapping[str, Any], dns: DnsIds, ruby: ErbProcess
    ) -> Sequence[ErbResult]:
        if not _needs_ruby(job):
            return [ErbResult(content=job.monit)]
        try:
            return await ruby.render(job, spec, _dns_body(dns))
        except RubyDied:
            return await self._erb_alone(job, spec, dns)

    async def _erb_alone(self, job: JobTemplates, spec: Mapping[str, Any], dns: DnsIds) -> Sequence[ErbResult]:
        """Once more with nothing else going on in that process: only the job that brings ruby down pays for it."""
        async with self._one_at_a_time:
            try:
                return await self._spare.render(job, spec, _dns_body(dns))
            except RubyDied as died:
                count = 1 + sum(not source.endswith(SUFFIX) for source in job.templates)
                return [ErbResult(message=str(died))] * count


def _refused(job: JobTemplates, binding: Binding) -> str:
    """What the job's schema has against its properties; empty when it has none or is content."""
    if job.properties_schema is None:
        return ""
    from bosh.render.schema import check_properties  # here because few jobs have a schema and the library is large

    try:
        check_properties(job.name, job.properties_schema, binding.properties)
    except (JobInvalidPropertySpec, JobTemplateBindingFailed) as error:
        return str(error)
    return ""


def _needs_ruby(job: JobTemplates) -> bool:
    """A job whose monit has no tags and whose templates are all Jinja2 renders without ruby."""
    return b"<%" in job.monit or not all(source.endswith(SUFFIX) for source in job.templates)


def _dns_body(dns: DnsIds) -> dict[str, Any]:
    groups = [[*key, number] for key, number in dns.groups.items()]
    return {"azs": dns.azs, "networks": dns.networks, "groups": groups}


def _outcome(job: JobTemplates, source: str, result: ErbResult) -> bytes | TemplateFault:
    if result.content is not None:
        return result.content
    return TemplateFault(job.name, source, result.line, result.message.strip())


def _assemble(job: JobTemplates, outcomes: Mapping[str, bytes | TemplateFault], binding: Binding) -> Rendered:
    faults = tuple(outcome for outcome in outcomes.values() if isinstance(outcome, TemplateFault))
    if faults:
        return FailedJob(job.name, faults)
    contents = {source: outcome for source, outcome in outcomes.items() if isinstance(outcome, bytes)}
    monit = contents.pop("")
    files = {job.templates[source][0]: content for source, content in contents.items()}
    sources = {job.templates[source][0]: source for source in contents}
    files[LINKS_FILE] = links_file(binding.link_groups)
    return RenderedJob(job.name, monit, files, {**sources, LINKS_FILE: LINKS_FILE})


def links_file(groups: Sequence[Mapping[str, str]]) -> bytes:
    """``.bosh/links.json``: the links that the job provides, for the DNS health server (`job_template_renderer.rb`)."""
    entries = [{key: group[key] for key in ("name", "type", "group")} for group in groups]
    entries.sort(key=lambda entry: entry["group"])
    return (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()
