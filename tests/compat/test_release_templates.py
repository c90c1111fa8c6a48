"""Templates of public releases render to the same text as in the original director's own evaluation context."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bosh.render.model import Binding, FailedJob, JobTemplates
from bosh.render.renderer import Renderer
from bosh.wire import go_yaml

pytestmark = [
    pytest.mark.compat,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ruby"), reason="there is no ruby on this machine"),
    pytest.mark.skipif(
        not os.environ.get("BOSH_PUBLIC_RELEASES"), reason="BOSH_PUBLIC_RELEASES names no folder of checkouts"
    ),
    pytest.mark.skipif(
        not os.environ.get("BOSH_SOURCE"), reason="BOSH_SOURCE names no checkout of the original director"
    ),
]

REFERENCE = """
require 'json'
module Bosh; module Common; module Template; end; end; end
$LOADED_FEATURES << 'active_support.rb' << 'active_support/core_ext/object/blank.rb'
class Object; def blank?; respond_to?(:empty?) ? !!empty? : !self; end; def present?; !blank?; end; end
class String; def blank?; !!(self =~ /\\A[[:space:]]*\\z/); end; end
class Numeric; def blank?; false; end; end
$LOAD_PATH.unshift File.join(ARGV[1], 'src/bosh-common/lib')
%w[erb yaml base64 ipaddr openssl uri set tempfile bosh/common/template/evaluation_context].each { |name| require name }
answers = $stdout.dup
$stdout.reopen($stderr)
JSON.parse(File.read(ARGV[0])).each do |job|
  results = job['templates'].map do |source, text|
    context = Bosh::Common::Template::EvaluationContext.new(JSON.parse(JSON.generate(job['spec'])), nil)
    erb = ERB.new(text, trim_mode: '-')
    erb.filename = File.join(job['job'], source)
    begin
      { 'text' => erb.result(context.get_binding) }
    rescue Exception => e
      place = (e.backtrace || []).find { |line| line.include?(erb.filename) } || '(unknown):(unknown)'
      { 'fault' => "Error filling in template '#{source}' (line #{place.split(':')[1]}: #{e})" }
    end
  end
  answers.puts JSON.generate(results)
end
"""

NETWORK = {
    "type": "manual",
    "ip": "10.0.0.5",
    "netmask": "255.255.255.0",
    "gateway": "10.0.0.1",
    "dns": ["10.0.0.2"],
    "default": ["dns"],
}
SPEC = {
    "deployment": "d",
    "name": "g",
    "job": {"name": "g"},
    "id": "u-1",
    "index": 0,
    "bootstrap": True,
    "az": "z1",
    "networks": {"default": NETWORK},
    "address": "10.0.0.5",
    "ip": "10.0.0.5",
    "persistent_disk": 1024,
    "dns_domain_name": "bosh",
    "release": {"name": "r", "version": "1"},
}


def guess(name: str, definition: Mapping[str, Any]) -> Any:
    """A value that a property without default might have."""
    if definition.get("example") is not None:
        return definition["example"]
    last = name.rpartition(".")[2]
    if "port" in last:
        return 4222
    if "enabled" in last or last.startswith("use_"):
        return True
    return ["a", "b"] if last.endswith("s") and "address" not in last else f"value of {last}"


def put(properties: dict[str, Any], name: str, value: Any) -> None:
    *folders, last = name.split(".")
    for folder in folders:
        inner = properties.setdefault(folder, {})
        if not isinstance(inner, dict):
            return
        properties = inner
    properties[last] = value


def bindings(spec: Mapping[str, Any]) -> Iterator[Binding]:
    """Nothing set, defaults only, everything set with links."""
    yield Binding(SPEC, {}, {})
    for fill in (False, True):
        properties: dict[str, Any] = {}
        for name, definition in (spec.get("properties") or {}).items():
            value = (definition or {}).get("default")
            put(properties, name, guess(name, definition or {}) if fill and value is None else value)
        instances = [
            {
                "name": "g",
                "index": n,
                "id": f"i{n}",
                "az": "z1",
                "address": f"10.0.0.{n}",
                "properties": properties,
                "bootstrap": n == 0,
            }
            for n in range(2)
        ]
        content = {"instances": instances, "properties": properties, "address": "q-s0.g.default.d.bosh"}
        yield Binding(SPEC, properties, {link["name"]: content for link in spec.get("consumes") or ()} if fill else {})


def jobs(releases: Path) -> Iterator[tuple[JobTemplates, Binding]]:
    for path in sorted(releases.glob("*/jobs/*/spec")):
        spec = go_yaml.load(path.read_bytes())
        sources = {str(name): path.parent / "templates" / str(name) for name in spec.get("templates") or {}}
        templates = {name: (name, source.read_bytes()) for name, source in sources.items() if source.is_file()}
        monit = path.with_name("monit")
        key = str(path.parent)
        for binding in bindings(spec):
            yield JobTemplates(spec["name"], key, monit.read_bytes() if monit.exists() else b"", templates), binding


def original(work: list[tuple[JobTemplates, Binding]], folder: Path) -> list[list[dict[str, str]]]:
    body = [
        {
            "job": job.name,
            "templates": [
                ["monit", job.monit.decode()],
                *([name, text.decode()] for name, (_, text) in job.templates.items()),
            ],
            "spec": dict(binding.spec) | {"properties": binding.properties, "links": binding.links},
        }
        for job, binding in work
    ]
    (folder / "work.json").write_text(json.dumps(body))
    (folder / "reference.rb").write_text(REFERENCE)
    command = ["ruby", "-W0", "--disable=did_you_mean,error_highlight", "-EUTF-8:", str(folder / "reference.rb")]
    command += [str(folder / "work.json"), os.environ["BOSH_SOURCE"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


WRONG_METHOD = re.compile(r"(undefined (?:local variable or )?method) [`'](\S+)' for .*", re.DOTALL)


def comparable(text: str) -> str:
    """How a wrong method is worded, and whether a message ends with a newline, depends on the version of Ruby."""
    return re.sub(r"\s*\)\Z", ")", WRONG_METHOD.sub(r"\1 \2", text))


async def test_public_templates_render_as_in_the_original(tmp_path: Path) -> None:
    work = list(jobs(Path(os.environ["BOSH_PUBLIC_RELEASES"])))
    assert work
    expected = original(work, tmp_path)
    async with Renderer() as renderer:
        outcomes = await renderer.render(work)
    for (job, _), outcome, wanted in zip(work, outcomes, expected, strict=True):
        faults = [comparable(entry["fault"]) for entry in wanted if "fault" in entry]
        if isinstance(outcome, FailedJob):
            assert [comparable(str(fault)) for fault in outcome.faults] == faults, job.name
        else:
            found = [outcome.monit, *(outcome.files[name] for name in job.templates)]
            assert [text.decode() for text in found] == [entry.get("text") for entry in wanted], job.name
