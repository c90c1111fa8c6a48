"""Jinja2 templates (sources ending in ``.j2``), with undefined names as errors and a line number in every fault."""

from __future__ import annotations

import json
import shlex
from collections import OrderedDict
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import jinja2
import yaml
from jinja2.sandbox import SandboxedEnvironment

from bosh.render.context import Context
from bosh.render.model import Binding, JobTemplates, TemplateFault

SUFFIX = ".j2"
_CACHED_TEMPLATES = 2048


class _Environment(SandboxedEnvironment):
    """``a.b`` means the key ``b`` before it means a method: a property may be called ``items``."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


def _to_yaml(value: Any) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1 << 30)
    return text


def _environment() -> _Environment:
    environment = _Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        cache_size=0,
    )
    environment.filters |= {"tojson": _to_json, "json": _to_json, "yaml": _to_yaml, "quote": shlex.quote}
    return environment


class JinjaEngine:
    """Compiles each template once and renders it for many bindings."""

    def __init__(self) -> None:
        self._environment = _environment()
        self._compiled: OrderedDict[tuple[str, str], jinja2.Template] = OrderedDict()

    def render(
        self, job: JobTemplates, source: str, text: bytes, binding: Binding, spec: Mapping[str, Any]
    ) -> bytes | TemplateFault:
        """One template for one instance."""
        filename = f"{job.name}/{source}"
        try:
            template = self._template(job.fingerprint, source, filename, text)
            context = Context(binding, spec)
            return template.render(context.names()).encode()
        except jinja2.TemplateSyntaxError as error:
            return TemplateFault(job.name, source, error.lineno, error.message or "syntax error")
        except Exception as error:  # noqa: BLE001 - a template is a program and may raise anything
            return TemplateFault(job.name, source, _line(error.__traceback__, filename), str(error))

    def _template(self, fingerprint: str, source: str, filename: str, text: bytes) -> jinja2.Template:
        key = (fingerprint, source)
        template = self._compiled.get(key)
        if template is None:
            code = self._environment.compile(text.decode(), name=filename, filename=filename)
            template = jinja2.Template.from_code(self._environment, code, self._environment.globals)
            self._compiled[key] = template
            if len(self._compiled) > _CACHED_TEMPLATES:
                self._compiled.popitem(last=False)
        return template


def _line(traceback: TracebackType | None, filename: str) -> int:
    """The template's innermost line on the way to the error; 0 when it never got there."""
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == filename:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
