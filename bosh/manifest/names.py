"""Names as DNS will have them (bosh: director/dns/canonicalizer.rb)."""

from __future__ import annotations

import re

from bosh.manifest.reading import Node

INVALID_CANONICAL_NAME = 420001


def canonical(name: str) -> str:
    """Lower case, ``_`` → ``-``, anything but letters, digits and hyphens left out."""
    return re.sub(r"[^a-z0-9-]", "", name.lower().replace("_", "-"))


def name_of(node: Node) -> str:
    """What an entry calls itself, whatever that is; for comparing before the name has been checked."""
    return str(node.raw("name"))


def unique_names(nodes: list[Node], *, what: str, code: int, in_dns: bool = False) -> None:
    """Faults for a name that was used before; with ``in_dns`` names are compared, and checked, in their canonical form."""
    seen: dict[str, str] = {}
    for node in nodes:
        name = node.raw("name")
        if not isinstance(name, str | int | float):
            continue
        form = canonical(str(name)) if in_dns else str(name)
        if in_dns and (form.startswith("-") or form.endswith("-")):
            node.fault(
                f'"{name}" becomes "{form}" in DNS, which must not begin or end with a hyphen',
                code=INVALID_CANONICAL_NAME,
                key="name",
            )
        if form in seen:
            also = "" if seen[form] == str(name) else f' (the same as "{seen[form]}" in DNS)'
            node.fault(f'{what} "{name}" is there twice{also}', code=code, key="name")
        seen.setdefault(form, str(name))
