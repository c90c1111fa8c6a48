"""ERB templates in a real ruby: what they see, what they say when they fail, what they cannot break."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from bosh.render.erb import ErbProcess
from bosh.render.model import DnsIds, FailedJob, RenderedJob
from bosh.render.renderer import Renderer

from .conftest import DB_LINK, binding, job, needs_ruby

pytestmark = [pytest.mark.integration, needs_ruby]

PROPERTIES = {"a": {"b": 1, "list": [1, {"x": 2}], "off": False, "empty": ""}, "name": "with space"}


async def rendered(renderer: Renderer, template: str, properties: Any = PROPERTIES, **rest: Any) -> str:
    (outcome,) = await renderer.render([(job(t_erb=template), binding(properties, **rest))])
    assert isinstance(outcome, RenderedJob), str(outcome)
    return outcome.files["config/t"].decode()


async def fault(renderer: Renderer, template: str, **rest: Any) -> str:
    (outcome,) = await renderer.render([(job(t_erb=template), binding(PROPERTIES, **rest))])
    assert isinstance(outcome, FailedJob)
    return str(outcome.faults[0])


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<%= p('a.b') %>", "1"),
        ("<%= p(['no', 'a.b']) %>", "1"),
        ("<%= p('no', 'd') %>|<%= p(['x', 'y'], nil).inspect %>", "d|nil"),
        ("<%= p('a.off') %>", "false"),
        ("<% if_p('a.b', 'name') do |b, n| %><%= b %><%= n %><% end %>", "1with space"),
        ("<% if_p('no') do %>x<% end.else do %>y<% end %>", "y"),
        ("<% if_p('no') do %>x<% end.else_if_p('a.b') do |b| %><%= b %><% end.else do %>z<% end %>", "1"),
        ("<% if_p('a.b') do %>x<% end.else_if_p('a.b') do |b| %>y<% end.else do %>z<% end %>", "x"),
        ("<% if_p('no') do %>x<% end.else_if_link('db') do |l| %><%= l.p('port') %><% end %>", "5432"),
        (
            "<%= spec.networks.default.ip %> <%= spec.ip %> <%= spec.release.name %> <%= spec.nothing.inspect %>",
            "10.0.0.2 10.0.0.2 routing nil",
        ),
        ("<%= spec.networks.methods(false).sort.join(',') %>", "default,vip"),
        ("<%= spec.networks.to_h.keys.join(',') %> <%= spec['ip'] %>", "default,vip 10.0.0.2"),
        ("<%= spec.properties.a.b %> <%= spec.to_h.keys.include?(:links) %>", "1 true"),
        ("<%= properties.a.b %> <%= properties.a.list[1].x %> <%= raw_properties['a']['b'] %>", "1 2 1"),
        ("<%= name %> <%= index %>", "router 2"),
        ("a\n<%- if true -%>\n  b\n<%- end -%>\nc\n", "a\n  b\nc\n"),
        (
            "<%= p('a.empty').blank? %> <%= nil.blank? %> <%= ' x'.present? %> <%= [].presence.inspect %> <%= 0.blank? %>",
            "true true true nil false",
        ),
        ("<% require 'active_support/core_ext/object/blank' %><%= ' '.blank? %>", "true"),
        (
            "<%= p('name').shellescape %> <%= JSON.dump(p('a.list')) %> <%= {'a' => 1}.to_yaml %>",
            'with\\ space [1,{"x":2}] ---\na: 1\n',
        ),
        ("<% LIMIT = 3; class Helper; end; def helper(x); x * LIMIT; end %><%= helper(2) %>", "6"),
        ("<%= [1, 2].map { |n| n + 1 }.join %>%%", "23%%"),
        ("é<%= 'ü' %>", "éü"),
    ],
)
async def test_what_a_template_sees(renderer: Renderer, template: str, expected: str) -> None:
    assert await rendered(renderer, template, links={"db": DB_LINK}) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "<%= link('db').p('users.admin') %> <%= link('db').p('no', 7) %> <%= link('db').properties['port'] %>",
            "a 7 5432",
        ),
        (
            "<%= link('db').instances.map { |i| [i.address, i.az, i.index, i.id, i.bootstrap].join('/') }.join(' ') %>",
            "10.0.1.0/z1/0/i0/true 10.0.1.1/z1/1/i1/false",
        ),
        (
            "<%= link('db').instances[0].p('tls.on') %><% link('db').instances[0].if_p('no') do %><% end.else do %>!<% end %>",
            "true!",
        ),
        ("<% if_link('db') do |l| %><%= l.instances.size %><% end %>", "2"),
        ("<% if_link('no') do |l| %>x<% end.else do %>none<% end %>", "none"),
        ("<%= link('db').address %>", "q-s0.my-db.private.cf.bosh"),
        ("<%= link('db').address(azs: ['z2', 'z1'], status: 'healthy') %>", "q-a1a2s3.my-db.private.cf.bosh"),
        ("<%= link('short').address(azs: ['z1'], initial_health_check: 'synchronous') %>", "q-a1n5s0y1.q-g9.bosh"),
        ("<%= link('by_link').address %>", "q-n5s0.q-g4.bosh"),
        ("<%= link('manual').address(azs: ['any']) %>", "db.example.com"),
    ],
)
async def test_links(renderer: Renderer, template: str, expected: str) -> None:
    short = {**DB_LINK, "use_short_dns_addresses": True}
    links = {
        "db": DB_LINK,
        "short": short,
        "by_link": {**short, "use_link_dns_names": True},
        "manual": {**DB_LINK, "address": "db.example.com"},
    }
    groups = {("instance-group", "My_DB", "cf"): 9, ("link", "db-link", "cf"): 4}
    dns = DnsIds({"z1": 1, "z2": 2}, {"private": 5}, groups)
    assert await rendered(renderer, template, links=links, dns=dns) == expected


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("\n\n<%= p('x.y') %>", 3, """Can't find property '["x.y"]'"""),
        ("<%= p(['x', 'y']) %>", 1, """Can't find property '["x", "y"]'"""),
        ("<%= link('nope') %>", 1, "Can't find link 'nope'"),
        ("<%= link('db').p('no') %>", 1, """Can't find property '["no"]'"""),
        ("<%= link('db').address(azs: ['z9']) %>", 1, "Unknown AZ: 'z9'"),
        ("a\n<% raise 'boom' %>", 2, "boom"),
        ("<% p('a.list').map do |x|\n  x.fetch(9)\nend %>", 2, "undefined method 'fetch' for an instance of Integer"),
        ("<%= nil.foo %>", 1, "undefined method 'foo' for nil"),
        (
            "<%= undefined_name %>",
            1,
            "undefined local variable or method 'undefined_name' for an instance of Bosh::Common::Template::EvaluationContext",
        ),
        ("<% exit 3 %>", 1, "exit"),
        pytest.param("<% loop { } %>", 1, "took longer than 0.4 seconds", marks=pytest.mark.slow),
    ],
)
async def test_what_a_failing_template_says(renderer: Renderer, template: str, line: int, message: str) -> None:
    text = await fault(renderer, template, links={"db": DB_LINK})
    assert text == f"Error filling in template 't.erb' (line {line}: {message})"


async def test_a_syntax_error_has_no_line_of_its_own(renderer: Renderer) -> None:
    text = await fault(renderer, "ok\n<% if %>")
    assert text.startswith("Error filling in template 't.erb' (line (unknown): web/t.erb:2: syntax error")


async def test_no_property_is_told_in_an_error(renderer: Renderer) -> None:
    secret = {"hash": {"password": "hunter2"}}
    for template in (
        "<%= p('hash').nothing %>",
        "<%= nothing %>",
        "<%= properties.hash.dig(1, 2, 3).x %>",
        "<%= spec.frob(1) %>",
    ):
        (outcome,) = await renderer.render([(job(t_erb=template), binding(secret))])
        assert isinstance(outcome, FailedJob)
        assert "hunter2" not in str(outcome)


async def test_all_faults_of_a_job_are_collected_monit_included(renderer: Renderer) -> None:
    (outcome,) = await renderer.render(
        [(job(monit="<%= p('m') %>", a_erb="<%= p('x') %>", b_erb="fine", c_erb="<%= p('y') %>"), binding())]
    )
    assert isinstance(outcome, FailedJob)
    assert [entry.template for entry in outcome.faults] == ["monit", "a.erb", "c.erb"]


async def test_a_template_changes_only_its_own_view(renderer: Renderer) -> None:
    work = job(
        a_erb="<% p('a')['b'] = 9; properties.a.b = 9; spec.ip = 'x' %><%= p('a.b') %>",
        b_erb="<%= p('a.b') %><%= properties.a.b %><%= spec.ip %>",
    )
    (outcome,) = await renderer.render([(work, binding(PROPERTIES))])
    assert isinstance(outcome, RenderedJob)
    assert outcome.files["config/b"] == b"1110.0.0.2"


@pytest.mark.slow
async def test_output_and_input_of_a_template_do_not_reach_the_protocol(renderer: Renderer) -> None:
    template = (
        "<% puts 'noise'; $stdout.write(\"{}\\n\"); STDOUT.flush; system('echo more; cat') %><%= $stdin.read.inspect %>"
    )
    assert await rendered(renderer, template) == '""'


async def test_the_environment_is_not_shown(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_DIRECTOR", "x")
    keys = set(json.loads(await rendered(renderer, "<%= ENV.keys.to_json %>")))
    assert keys <= {"PATH", "LANG", "HOME", "LC_CTYPE"}
    assert "SECRET_OF_THE_DIRECTOR" in os.environ


async def test_bytes_that_are_not_utf8_survive(renderer: Renderer) -> None:
    work = job(t_erb="")
    templates = {"t.erb": ("config/t", b"\xff\xfe<%= 1 %>"), "u.erb": ("config/u", b"<%= [255].pack('C') %>")}
    outcome = (await renderer.render([(type(work)("web", "binary", b"", templates), binding())]))[0]
    assert isinstance(outcome, RenderedJob), str(outcome)
    assert (outcome.files["config/t"], outcome.files["config/u"]) == (b"\xff\xfe1", b"\xff")


@pytest.mark.slow
async def test_a_template_that_ends_ruby_takes_no_other_job_with_it(renderer: Renderer) -> None:
    deadly, fine = job("deadly", t_erb="<% exit! 7 %>"), job("fine", t_erb="<%= p('a.b') %>")
    work = [(fine, binding(PROPERTIES)), (deadly, binding()), *[(fine, binding(PROPERTIES))] * 10]
    outcomes = await renderer.render(work)
    assert [type(outcome).__name__ for outcome in outcomes] == ["RenderedJob", "FailedJob", *["RenderedJob"] * 10]
    assert "ended with status 7" in str(outcomes[1])
    assert isinstance((await renderer.render([work[0]]))[0], RenderedJob)


@pytest.mark.slow
async def test_a_ruby_that_cannot_be_interrupted_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bosh.render.erb._GRACE_S", 0.1)
    async with Renderer(template_limit_s=0.1) as renderer:
        stubborn = job("stubborn", t_erb="<% begin; sleep; rescue Exception; retry; end %>")
        outcomes = await renderer.render([(stubborn, binding()), (job("fine", t_erb="x"), binding())])
    assert "no answer in" in str(outcomes[0])
    assert isinstance(outcomes[1], RenderedJob)


@pytest.mark.slow
async def test_more_jobs_than_the_driver_keeps_are_compiled_again(renderer: Renderer) -> None:
    work = [(job(f"j{number}", t_erb=f"<%= {number} %>"), binding()) for number in range(600)]
    for _ in range(2):
        outcomes = await renderer.render([work[0], *work, work[0]])
        assert all(isinstance(outcome, RenderedJob) for outcome in outcomes)
        assert outcomes[300].files["config/t"] == b"299"  # type: ignore[union-attr]


@pytest.mark.slow
async def test_several_rubies_share_the_work() -> None:
    async with Renderer(processes=2) as renderer:
        pids = {await rendered(renderer, "<%= Process.pid %>")}
        outcomes = await renderer.render([(job(t_erb="<%= Process.pid %>"), binding())] * 4)
        pids |= {outcome.files["config/t"].decode() for outcome in outcomes if isinstance(outcome, RenderedJob)}
    assert len(pids) == 2


async def test_stopping_ends_the_process() -> None:
    process = ErbProcess()
    results = await process.render(job(t_erb="<%= Process.pid %>"), {}, {})
    await process.stop()
    assert results[1].content is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(results[1].content), 0)
    await asyncio.sleep(0)
