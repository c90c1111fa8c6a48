"""The cloud configs as one: AZs, networks, VM types and extensions, disk types, compilation.

(bosh: deployment_plan/cloud_manifest_parser.rb, compilation_config.rb, cloud_config/cloud_configs_consolidator.rb)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bosh.manifest.configs import gathered, single
from bosh.manifest.model import Az, Compilation, Network, Properties, VmRequest
from bosh.manifest.names import unique_names
from bosh.manifest.networks import has_azs, networks, require_some
from bosh.manifest.reading import MISSING_FIELD, Node, no_such

MERGE_ERROR: Final = 570000
CPI_NOT_FOUND: Final = 550001
CPI_DUPLICATE: Final = 550000
DUPLICATE_AZ: Final = 190017
DUPLICATE_VM_TYPE: Final = 190004
DUPLICATE_VM_EXTENSION: Final = 190005
DUPLICATE_DISK_TYPE: Final = 190013
INVALID_DISK_SIZE: Final = 200001
UNKNOWN_NETWORK: Final = 120001
INVALID_AZ: Final = 120002
INVALID_VM_TYPE: Final = 120003
INVALID_VM_EXTENSION: Final = 120005
BAD_VM_CONFIGURATION: Final = 120007
NO_MATCHING_SUBNET: Final = 150006

_KEYS: Final = ("azs", "networks", "vm_types", "vm_extensions", "disk_types", "compilation")
_COMPILATION_KEYS: Final = (
    "workers", "network", "az", "vm_type", "vm_resources", "cloud_properties", "vm_extensions", "env",
    "reuse_compilation_vms", "orphan_workers",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DiskType:
    name: str
    size_mb: int
    cloud_properties: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cloud:
    """What deployments may ask for."""

    azs: Mapping[str, Az]
    networks: Mapping[str, Network]
    vm_types: Mapping[str, Properties]
    vm_extensions: Mapping[str, Properties]
    disk_types: Mapping[str, DiskType]
    compilation: Compilation | None


def cloud(
    roots: Sequence[Node],
    *,
    cpis: Collection[str] | None = None,
    director_ips: Sequence[str] = (),
    gateway_optional: bool = False,
) -> Cloud:
    """All cloud configs together. ``cpis``: names in the CPI config, None when there is no such config."""
    for root in roots:
        root.known(_KEYS)
    azs = _azs(gathered(roots, "azs"), cpis)
    network_nodes = gathered(roots, "networks")
    if roots:
        require_some(network_nodes, roots[0])
    found = networks(network_nodes, azs, director_ips=director_ips, gateway_optional=gateway_optional)
    types = _cloud_properties(gathered(roots, "vm_types"), what="VM type", code=DUPLICATE_VM_TYPE)
    extensions = _cloud_properties(gathered(roots, "vm_extensions"), what="VM extension", code=DUPLICATE_VM_EXTENSION)
    disks = _disk_types(gathered(roots, "disk_types"))
    known = Cloud(azs, found, types, extensions, disks, None)
    return Cloud(azs, found, types, extensions, disks, _compilation(roots, known))


def cpi_names(roots: Sequence[Node]) -> frozenset[str]:
    """Names in the CPI configs, former ones included (bosh: cpi_config/cpi_manifest_parser.rb)."""
    seen: set[str] = set()
    for node in [node for each in roots for node in each.maps("cpis")]:
        node.known(("name", "type", "exec_path", "properties", "migrated_from"))
        node.text("type")
        for name in (node.text("name"), *(former.text("name", "") for former in node.maps("migrated_from", ()))):
            if name in seen:
                node.fault(f'CPI "{name}" is there twice', code=CPI_DUPLICATE)
            seen.add(name)
    return frozenset(seen)


def _azs(nodes: Sequence[Node], cpis: Collection[str] | None) -> dict[str, Az]:
    unique_names(list(nodes), what="availability zone", code=DUPLICATE_AZ)
    found = [_az(node, cpis) for node in nodes]
    return {az.name: az for az in found}


def _az(node: Node, cpis: Collection[str] | None) -> Az:
    node.known(("name", "cloud_properties", "cpi"))
    cpi = node.text("cpi", "")
    if cpis is not None and not cpi:
        node.fault("an availability zone must name its CPI, since there is a CPI config", code=CPI_NOT_FOUND)
    elif cpis is not None and cpi not in cpis:
        node.fault(no_such("CPI", cpi, cpis), code=CPI_NOT_FOUND, key="cpi")
    return Az(node.text("name"), cpi, node.mapping("cloud_properties", {}))


def _cloud_properties(nodes: Sequence[Node], *, what: str, code: int) -> dict[str, Properties]:
    unique_names(list(nodes), what=what, code=code)
    for node in nodes:
        node.known(("name", "cloud_properties"))
    return {node.text("name"): node.mapping("cloud_properties", {}) for node in nodes}


def _disk_types(nodes: Sequence[Node]) -> dict[str, DiskType]:
    unique_names(list(nodes), what="disk type", code=DUPLICATE_DISK_TYPE)
    found = [_disk_type(node) for node in nodes]
    return {disk.name: disk for disk in found}


def _disk_type(node: Node) -> DiskType:
    node.known(("name", "disk_size", "cloud_properties"))
    size_mb = node.integer("disk_size")
    if size_mb < 0:
        node.fault(f"disk size {size_mb} is negative", code=INVALID_DISK_SIZE, key="disk_size")
    return DiskType(node.text("name"), max(size_mb, 0), node.mapping("cloud_properties", {}))


# --- compilation --------------------------------------------------------------------------------------------------------------------


def _compilation(roots: Sequence[Node], known: Cloud) -> Compilation | None:
    having = single(roots, "compilation", what="Cloud config", code=MERGE_ERROR)
    if having is None:
        if roots:
            roots[0].fault('"compilation" is missing', code=MISSING_FIELD)
        return None
    node = having.child("compilation")
    node.known(_COMPILATION_KEYS)
    az, network = _az_name(node, known), _network_name(node, known)
    if network in known.networks and not has_azs(known.networks[network], [az] if az else []):
        node.fault(
            f'network "{network}" has no subnet in availability zone "{az}"', code=NO_MATCHING_SUBNET, key="network"
        )
    return Compilation(
        workers=node.integer("workers", least=1),
        network=network,
        vm=_worker_vm(node, known),
        az=az,
        env=node.mapping("env", {}),
        reuse_compilation_vms=bool(node.boolean("reuse_compilation_vms")),
        orphan_workers=bool(node.boolean("orphan_workers", default=False)),
    )


def _az_name(node: Node, known: Cloud) -> str:
    az = node.text("az", "")
    if az and az not in known.azs:
        node.fault(no_such("availability zone", az, known.azs), code=INVALID_AZ, key="az")
    return az


def _network_name(node: Node, known: Cloud) -> str:
    name = node.text("network")
    if name and name not in known.networks:
        node.fault(no_such("network", name, known.networks), code=UNKNOWN_NETWORK, key="network")
    return name


def _worker_vm(node: Node, known: Cloud) -> VmRequest:
    given = [key for key in ("vm_type", "vm_resources", "cloud_properties") if node.raw(key)]
    if len(given) > 1:
        node.fault(f"only one of {', '.join(given)} may be there", code=BAD_VM_CONFIGURATION)
    extensions = node.texts("vm_extensions", ())
    if extensions and not {"vm_type", "vm_resources"} & set(given):
        node.fault("vm_extensions need a vm_type or vm_resources", code=BAD_VM_CONFIGURATION, key="vm_extensions")
    return vm_request(
        node,
        known,
        base=node.mapping("cloud_properties", {}),
        unknown_type=INVALID_VM_TYPE,
        unknown_extension=INVALID_VM_EXTENSION,
    )


def vm_request(
    node: Node, known: Cloud, *, base: Properties | None = None, unknown_type: int, unknown_extension: int
) -> VmRequest:
    """``vm_type`` or ``vm_resources`` with ``vm_extensions`` merged over it, key by key at the top level only.

    (bosh: deployment_plan/merged_cloud_properties.rb)
    """
    vm_type = node.text("vm_type", "")
    if vm_type and vm_type not in known.vm_types:
        node.fault(no_such("VM type", vm_type, known.vm_types), code=unknown_type, key="vm_type")
    properties = dict(base or {}) | dict(known.vm_types.get(vm_type, {}))
    extensions = node.texts("vm_extensions", ())
    for at, name in enumerate(extensions):
        if name not in known.vm_extensions:
            message = no_such("VM extension", name, known.vm_extensions)
            node.child("vm_extensions").fault(message, code=unknown_extension, key=at)
        properties |= known.vm_extensions.get(name, {})
    return VmRequest(vm_type, tuple(extensions), properties, _resources(node))


def _resources(node: Node) -> dict[str, int] | None:
    if "vm_resources" not in node:
        return None
    child = node.child("vm_resources")
    if not child.is_map():
        return None
    keys = ("cpu", "ram", "ephemeral_disk_size")
    child.known(keys)
    return {key: child.integer(key) for key in keys}
