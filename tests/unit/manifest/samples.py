"""A small but complete set of texts, and the catalog behind them, for tests to vary."""

from __future__ import annotations

from typing import Any

from bosh.manifest.configs import ConfigText
from bosh.manifest.documents import dump, load
from bosh.manifest.faults import ManifestFaults
from bosh.manifest.model import Catalog, Desired, Package, Release, StemcellImage
from bosh.manifest.parse import ParseOptions, parse
from bosh.manifest.patch import apply, operations
from bosh.manifest.uploads import job_spec

CLOUD = """\
azs:
- {name: z1, cloud_properties: {zone: one}}
- {name: z2}
vm_types:
- {name: small, cloud_properties: {cpu: 1, disk: {size: 1}}}
vm_extensions:
- {name: wide, cloud_properties: {cpu: 4, disk: {fast: true}}}
disk_types:
- {name: big, disk_size: 10240, cloud_properties: {kind: ssd}}
- {name: none, disk_size: 0}
networks:
- name: private
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1, z2], dns: [8.8.8.8], reserved: [10.0.0.2-10.0.0.9], static: [10.0.0.10-10.0.0.20]}
- {name: loose, type: dynamic, cloud_properties: {x: y}}
- {name: outside, type: vip}
compilation: {workers: 2, network: private, az: z1, vm_type: small}
"""

MANIFEST = """\
name: dep
releases:
- {name: web, version: latest}
stemcells:
- {alias: default, os: ubuntu-jammy, version: latest}
update: {canaries: 1, max_in_flight: 20%, canary_watch_time: 1000-30000, update_watch_time: 5000}
instance_groups:
- name: router
  instances: 2
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks:
  - name: private
  jobs:
  - name: gate
    release: web
    properties: {port: 80, secret: ((password))}
"""


def release(version: str, name: str = "web") -> Release:
    gate = job_spec(
        name, version, "f-gate", "sha1", "b1",
        {
            "name": "gate",
            "templates": {"a.erb": "bin/a"},
            "packages": ["nginx"],
            "properties": {"port": {"default": 8080}},
            "consumes": [{"name": "backend", "type": "http", "optional": True}],
            "provides": [{"name": "gate", "type": "http", "properties": ["port"]}],
        },
    )  # fmt: skip
    cleaner = job_spec(name, version, "f-clean", "sha1", "b2", {"name": "cleaner"})
    porter = job_spec(name, version, "f-porter", "sha1", "b4", {"name": "porter", "packages": ["nginx"]})
    nginx = Package("nginx", name, version, f"f-nginx-{name}", "sha1", "b3")
    return Release(name, version, {"gate": gate, "cleaner": cleaner, "porter": porter}, {"nginx": nginx})


CATALOG = Catalog(
    releases=(release("1.9"), release("1.10"), release("2+dev.1"), release("7", "extra")),
    stemcells=(
        StemcellImage("bosh-warden-jammy", "ubuntu-jammy", "1.9", "cid-1"),
        StemcellImage("bosh-warden-jammy", "ubuntu-jammy", "1.10", "cid-2", api_version=3),
    ),
)


def changed(text: str, *ops: dict[str, Any]) -> str:
    """The text with ops applied."""
    return dump(apply(operations(list(ops), "ops"), load(text, "text").value)) if ops else text


def parsed(
    *ops: dict[str, Any],
    cloud: str = CLOUD,
    manifest: str = MANIFEST,
    cloud_ops: tuple[dict[str, Any], ...] = (),
    runtime: tuple[str, ...] = (),
    cpi: str = "",
    options: ParseOptions | None = None,
) -> Desired:
    return parse(
        changed(manifest, *ops),
        cloud_configs=[ConfigText("default", changed(cloud, *cloud_ops))],
        runtime_configs=[ConfigText(f"r{at}", text, "runtime") for at, text in enumerate(runtime)],
        cpi_config=ConfigText("default", cpi, "cpi") if cpi else None,
        catalog=CATALOG,
        director_name="dir",
        options=options,
    )


def faults(*ops: dict[str, Any], **rest: Any) -> list[tuple[str, str, int]]:
    """(path, message, code) of each fault."""
    try:
        parsed(*ops, **rest)
    except ManifestFaults as error:
        return [(fault.path, fault.message, fault.code) for fault in error.faults]
    return []


def put(path: str, value: Any) -> dict[str, Any]:
    return {"type": "replace", "path": path, "value": value}


def drop(path: str) -> dict[str, Any]:
    return {"type": "remove", "path": path}
