"""What a Jinja2 template sees: the same names as an ERB template, over the same binding. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bosh.render.model import Binding, DnsIds

_MISSING = object()
_STATUSES = {"healthy": 3, "unhealthy": 1, "all": 4, "default": 0}
_CHECKS = {"synchronous": ["y1"], "asynchronous": ["y0"]}


class UnknownProperty(Exception):
    """``p`` found none of the names and had no default."""

    def __init__(self, names: Sequence[str]) -> None:
        # The original prints Ruby's inspection of the list, and people search logs for it.
        super().__init__(f"Can't find property '{json.dumps(list(names))}'")


class UnknownLink(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"Can't find link '{name}'")


def lookup(collection: Any, name: str) -> Any:
    """The value at a dotted name; None when any part of it is absent."""
    for key in name.split("."):
        if not isinstance(collection, Mapping):
            return None
        collection = collection.get(key)
    return collection


class Properties:
    """``p`` and ``if_p`` over one map of properties."""

    def __init__(self, properties: Mapping[str, Any] | None) -> None:
        self.properties = properties or {}

    def p(self, names: str | Sequence[str], default: Any = _MISSING) -> Any:
        """The first of the names that has a value, else the default. Raises UnknownProperty."""
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            value = lookup(self.properties, name)
            if value is not None:
                return value
        if default is _MISSING:
            raise UnknownProperty(wanted)
        return default

    def if_p(self, *names: str, caller: Callable[..., str] | None = None) -> Any:
        """Whether all names have values; as ``{% call(a, b) if_p('a', 'b') %}`` the block with the values, or nothing."""
        values = [lookup(self.properties, name) for name in names]
        present = all(value is not None for value in values)
        if caller is None:
            return present
        return caller(*values) if present else ""


class LinkInstance(Properties):
    """One instance behind a link."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__(entry.get("properties"))
        self.name = entry.get("name")
        self.index = entry.get("index")
        self.id = entry.get("id")
        self.az = entry.get("az")
        self.address = entry.get("address")
        self.bootstrap = entry.get("bootstrap")


class Link(Properties):
    """A consumed link."""

    def __init__(self, content: Mapping[str, Any], dns: DnsIds) -> None:
        super().__init__(content.get("properties"))
        self.instances = [LinkInstance(entry) for entry in content["instances"]]
        self._content = content
        self._dns = dns

    def address(
        self,
        azs: Sequence[str] = (),
        status: str = "default",
        initial_health_check: str = "",
    ) -> str:
        """A DNS name for the instances behind the link, those in the AZs and of the health given."""
        if "address" in self._content:
            return str(self._content["address"])
        slug = [f"a{_number(self._dns.azs, az, 'AZ')}" for az in azs]
        slug += _CHECKS.get(initial_health_check, [])
        slug.append(f"s{_STATUSES.get(status, 0)}")
        return dns_query(self._content, self._dns, slug)


def dns_query(content: Mapping[str, Any], dns: DnsIds, slug: list[str]) -> str:
    """``q-…`` name for a link: long, or short with numbers (`bosh: …/dns/dns_encoder.rb`)."""
    by_link = bool(content.get("use_link_dns_names"))
    group = str(content.get("group_name" if by_link else "instance_group"))
    network, deployment = content.get("default_network"), str(content.get("deployment_name"))
    if not content.get("use_short_dns_addresses"):
        rest = [canonical(text) for text in (group, str(network), deployment)]
    else:
        if network is not None:
            slug = [*slug, f"n{_number(dns.networks, network, 'Network')}"]
        number = dns.groups.get(("link" if by_link else "instance-group", group, deployment), "")
        rest = [f"q-g{number}"]
    return ".".join([f"q-{''.join(sorted(slug))}", *rest, str(content.get("domain", ""))])


def _number(table: Mapping[str, int], name: str, kind: str) -> int:
    if name not in table:
        raise LookupError(f"Unknown {kind}: '{name}'")
    return table[name]


def canonical(text: str) -> str:
    """A name as DNS has it: lower case, ``_`` as ``-``, other characters dropped. Raises ValueError for a hyphen at either end."""
    name = re.sub(r"[^a-z0-9\-]", "", text.lower().replace("_", "-"))
    if name.startswith("-"):
        raise ValueError(f"Invalid DNS canonical name '{name}', cannot start with a hyphen")
    if name.endswith("-"):
        raise ValueError(f"Invalid DNS canonical name '{name}', cannot end with a hyphen")
    return name


class Context(Properties):
    """The names at a template's top level."""

    def __init__(self, binding: Binding, spec: Mapping[str, Any]) -> None:
        super().__init__(binding.properties)
        self._links = binding.links
        self._dns = binding.dns
        self._spec = spec

    def _content(self, name: str) -> Mapping[str, Any] | None:
        content = lookup(self._links, name)
        return content if isinstance(content, Mapping) and "instances" in content else None

    def link(self, name: str) -> Link:
        """Raises UnknownLink."""
        content = self._content(name)
        if content is None:
            raise UnknownLink(name)
        return Link(content, self._dns)

    def if_link(self, name: str, caller: Callable[[Link], str] | None = None) -> Any:
        """The link or None; as ``{% call(l) if_link('x') %}`` the block with the link, or nothing."""
        content = self._content(name)
        found = Link(content, self._dns) if content is not None else None
        if caller is None:
            return found
        return caller(found) if found is not None else ""

    def names(self) -> dict[str, Any]:
        """Everything a template may mention."""
        return {
            "p": self.p,
            "if_p": self.if_p,
            "link": self.link,
            "if_link": self.if_link,
            "spec": self._spec,
            "properties": self.properties,
            "raw_properties": self.properties,
            "name": self._spec.get("name"),
            "index": self._spec.get("index"),
        }
