"""What each method takes, as data: checked before a cloud sees a call, and published as JSON Schema (docs-bosh: content/cpi-api-v2.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cpi_kit.errors import InvalidCall

STRING = "string"
INTEGER = "integer"
OBJECT = "object"
ARRAY = "array"
_PYTHON_TYPES: dict[str, type] = {STRING: str, INTEGER: int, OBJECT: dict, ARRAY: list}
_EMPTY: dict[str, Any] = {STRING: "", OBJECT: {}, ARRAY: []}


@dataclass(frozen=True, slots=True)
class Argument:
    """One positional argument. ``nullable`` ones may be null or left out; a null map or list reads as the empty one."""

    name: str
    type: str
    nullable: bool = False
    minimum: int | None = None


def _map(name: str) -> Argument:
    """An operator's map: the director sends null where the manifest had none."""
    return Argument(name, OBJECT, nullable=True)


_VM, _DISK, _SIZE = Argument("vm_cid", STRING), Argument("disk_cid", STRING), Argument("size_mb", INTEGER, minimum=1)
_CLOUD_PROPERTIES, _METADATA = _map("cloud_properties"), _map("metadata")

ARGUMENTS: dict[str, tuple[Argument, ...]] = {
    "info": (),
    "ping": (),
    "current_vm_id": (),
    "create_stemcell": (Argument("image_path", STRING), _CLOUD_PROPERTIES, _map("env")),
    "delete_stemcell": (Argument("stemcell_cid", STRING),),
    "create_vm": (
        Argument("agent_id", STRING),
        Argument("stemcell_cid", STRING),
        _CLOUD_PROPERTIES,
        Argument("networks", OBJECT),
        Argument("disk_cids", ARRAY, nullable=True),
        _map("env"),
    ),
    "delete_vm": (_VM,),
    "has_vm": (_VM,),
    "reboot_vm": (_VM,),
    "set_vm_metadata": (_VM, _METADATA),
    "calculate_vm_cloud_properties": (Argument("desired_instance_size", OBJECT),),
    "configure_networks": (_VM, Argument("networks", OBJECT)),
    "create_disk": (_SIZE, _CLOUD_PROPERTIES, Argument("vm_cid", STRING, nullable=True)),
    "delete_disk": (_DISK,),
    "has_disk": (_DISK,),
    "attach_disk": (_VM, _DISK),
    "detach_disk": (_VM, _DISK),
    "resize_disk": (_DISK, _SIZE),
    "update_disk": (_DISK, _SIZE, _CLOUD_PROPERTIES),
    "set_disk_metadata": (_DISK, _METADATA),
    "get_disks": (_VM,),
    "snapshot_disk": (_DISK, _METADATA),
    "delete_snapshot": (Argument("snapshot_cid", STRING),),
    "create_network": (Argument("subnet_definition", OBJECT),),
    "delete_network": (Argument("network_cid", STRING),),
}
INSTANCE_SIZE_FIELDS = ("cpu", "ram", "ephemeral_disk_size")


def checked_arguments(method: str, given: Sequence[Any]) -> list[Any]:
    """The arguments, complete and of the right types.

    Raises:
        InvalidCall: the method is unknown, or an argument is missing, superfluous or of the wrong type.
    """
    wanted = ARGUMENTS.get(method)
    if wanted is None:
        raise InvalidCall(f"Method is not known, got '{method}'")
    if len(given) > len(wanted):
        raise InvalidCall(f"cannot call {method}: it takes {len(wanted)} arguments, got {len(given)}")
    checked = [_checked(method, argument, given, position) for position, argument in enumerate(wanted)]
    if method == "calculate_vm_cloud_properties":
        return _instance_size(checked[0])
    return checked


def _checked(method: str, argument: Argument, given: Sequence[Any], position: int) -> Any:
    value = given[position] if position < len(given) else None
    where = f"cannot call {method}: argument {position + 1}, {argument.name},"
    if value is None:
        if not argument.nullable:
            raise InvalidCall(f"{where} is missing")
        return None if argument.type == STRING else _EMPTY[argument.type]
    if not isinstance(value, _PYTHON_TYPES[argument.type]) or isinstance(value, bool):
        raise InvalidCall(f"{where} must be of type {argument.type}, got {type(value).__name__}")
    if argument.minimum is not None and isinstance(value, int) and value < argument.minimum:
        raise InvalidCall(f"{where} must be at least {argument.minimum}, got {value}")
    if argument.type == STRING and not value and not argument.nullable:
        raise InvalidCall(f"{where} must not be empty")
    return value


def _instance_size(size: dict[str, Any]) -> list[int]:
    for name in INSTANCE_SIZE_FIELDS:
        value = size.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidCall(
                f"cannot call calculate_vm_cloud_properties: {name} must be a positive integer, got {value!r}"
            )
    return [size[name] for name in INSTANCE_SIZE_FIELDS]


def json_schema(method: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a method's ``arguments``. Raises KeyError for an unknown method."""
    arguments = ARGUMENTS[method]
    required = sum(1 for argument in arguments if not argument.nullable)
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": method,
        "type": "array",
        "items": False,
        "minItems": required,
    }
    if arguments:
        schema["prefixItems"] = [_argument_schema(argument) for argument in arguments]
    return schema


def _argument_schema(argument: Argument) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "title": argument.name,
        "type": [argument.type, "null"] if argument.nullable else argument.type,
    }
    if argument.minimum is not None:
        schema["minimum"] = argument.minimum
    if argument.type == STRING and not argument.nullable:
        schema["minLength"] = 1
    return schema
