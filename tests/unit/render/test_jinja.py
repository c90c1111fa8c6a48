"""Jinja2 templates over the same binding."""

from __future__ import annotations

from typing import Any

import pytest

from bosh.render.jinja import JinjaEngine
from bosh.render.model import DnsIds, TemplateFault

from .conftest import DB_LINK, binding, job

PROPERTIES = {"a": {"b": 1, "items": [1, 2], "off": False}, "cert": "<&'>\n", "name": "with space"}


def render(template: str, **rest: Any) -> str | TemplateFault:
    bound = binding(PROPERTIES, links={"db": DB_LINK}, dns=DnsIds({"z1": 1}), **rest)
    outcome = JinjaEngine().render(job(), "t.j2", template.encode(), bound, bound.spec)
    return outcome.decode() if isinstance(outcome, bytes) else outcome


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ p('a.b') }} {{ p(['no', 'a.b']) }} {{ p('no', 'd') }} {{ p('a.off') }}", "1 1 d False"),
        ("{% if if_p('a.b') %}yes{% endif %}{% if not if_p('no') %} no{% endif %}", "yes no"),
        ("{% call(b) if_p('a.b') %}<{{ b }}>{% endcall %}{% call(x) if_p('no') %}never{% endcall %}", "<1>"),
        ("{{ properties.a.items | join(',') }} {{ properties.a['b'] }}", "1,2 1"),
        ("{{ spec.networks.default.ip }} {{ name }}/{{ index }}", "10.0.0.2 router/2"),
        (
            "{% for i in link('db').instances %}{{ i.address }}{{ ' ' if i.p('tls.on') }}{% endfor %}",
            "10.0.1.0 10.0.1.1 ",
        ),
        (
            "{{ link('db').p('port') }} {{ link('db').address(azs=['z1'], status='healthy') }}",
            "5432 q-a1s3.my-db.private.cf.bosh",
        ),
        (
            "{% if if_link('no') %}x{% else %}none{% endif %}{% call(l) if_link('db') %}{{ l.p('port') }}{% endcall %}",
            "none5432",
        ),
        ("{{ p('cert') | tojson }} {{ p('name') | quote }}", "\"<&'>\\n\" 'with space'"),
        ("{{ p('a') | yaml }}", "b: 1\nitems:\n- 1\n- 2\n'off': false\n"),
        ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc\n"),
    ],
)
def test_what_a_template_sees(template: str, expected: str) -> None:
    assert render(template) == expected


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("\n{{ p('x.y') }}", """(line 2: Can't find property '["x.y"]')"""),
        ("{{ link('nope') }}", "(line 1: Can't find link 'nope')"),
        ("a\nb\n{{ undefined_name }}", "(line 3: 'undefined_name' is undefined)"),
        ("{{ properties.a.typo }}", "(line 1: 'dict object' has no attribute 'typo')"),
        ("x\n{% if %}", "(line 2: "),
        ("{{ spec.__class__.__mro__ }}", "(line 1: "),
        ("{{ link('db').address(azs=['z9']) }}", "(line 1: Unknown AZ: 'z9')"),
    ],
)
def test_what_a_failing_template_says(template: str, text: str) -> None:
    outcome = render(template)
    assert isinstance(outcome, TemplateFault)
    assert f"Error filling in template 't.j2' {text}" in str(outcome)


def test_a_changed_template_is_not_served_from_the_cache_of_another_job() -> None:
    engine, bound = JinjaEngine(), binding()
    assert engine.render(job(a_j2="x"), "a.j2", b"one", bound, {}) == b"one"
    assert engine.render(job(a_j2="y"), "a.j2", b"two", bound, {}) == b"two"
