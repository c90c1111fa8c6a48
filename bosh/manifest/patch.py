"""Ops files: replace, remove and test operations on a document.

Semantics and error texts are go-patch's (github.com/cppforlife/go-patch: patch/*_op.go), which scripts match on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from bosh.manifest.pointer import (
    AfterLast,
    Index,
    Key,
    Match,
    Modifier,
    Pointer,
    PointerError,
    Token,
    pointer,
    pointer_text,
)  # fmt: skip
from bosh.manifest.values import clone, same
from bosh.wire.errors import BoshError

if TYPE_CHECKING:
    from bosh.manifest.model import Json


class PatchError(BoshError):
    """An operation cannot be read, or does not fit the document."""


class _Absent(PatchError):
    """The path leads to nothing at ``path``."""

    def __init__(self, message: str, path: Pointer) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Operation:
    kind: Literal["replace", "remove", "test"]
    path: Pointer
    value: Json = None
    absent: bool = False
    message: str = ""
    """What a failure is called: ``operation [0] in web.yml failed``."""


# --- reading ------------------------------------------------------------------------------------------------------------------------


def operations(definitions: Json, source: str) -> tuple[Operation, ...]:
    """The operations of an ops file.

    Args:
        definitions: the file's value, a list of maps ``{type, path, value?, absent?}``. As in the bosh CLI, an ``error`` key is
            replaced by a text that names the file.
        source: the file's name as given by the user.

    Raises:
        PatchError: an operation is not one.
    """
    if definitions is None:
        return ()
    if not isinstance(definitions, list) or not all(isinstance(each, dict) for each in definitions):
        raise PatchError(f"Deserializing ops file '{source}': expected a list of operations")
    return tuple(_operation(at, each, f"operation [{at}] in {source} failed") for at, each in enumerate(definitions))


def _operation(at: int, definition: dict[str, Json], message: str) -> Operation:
    kind: Any = definition.get("type") or ""
    if kind not in {"replace", "remove", "test"}:
        raise PatchError(
            f"Building ops: Unknown operation [{at}] with type '{kind}' within\n{_shown(definition, message)}"
        )
    try:
        _check(kind, definition)
        path = pointer(str(definition["path"]))
    except PointerError as error:
        wrong = f"Invalid path: {error.brief}"
    except PatchError as error:
        wrong = error.brief
    else:
        return Operation(kind, path, definition.get("value"), bool(definition.get("absent")), message)
    raise PatchError(
        f"Building ops: {kind.capitalize()} operation [{at}]: {wrong} within\n{_shown(definition, message)}"
    )


def _check(kind: str, definition: dict[str, Json]) -> None:
    """A null value counts as missing, as it does to go-yaml's pointers."""
    if definition.get("path") is None:
        raise PatchError("Missing path")
    value = definition.get("value")
    if kind == "replace" and value is None:
        raise PatchError("Missing value")
    if kind == "remove" and value is not None:
        raise PatchError("Cannot specify value")
    if kind == "test" and value is None and definition.get("absent") is None:
        raise PatchError("Missing value or absent")


def _shown(definition: dict[str, Json], message: str) -> str:
    """The operation as go-patch prints it, without its value."""
    import json

    fields = {
        "Type": definition.get("type") or None,
        "Path": definition.get("path"),
        "Value": None if definition.get("value") is None else "<redacted>",
        "Absent": definition.get("absent"),
        "Error": message,
    }
    return json.dumps({name: field for name, field in fields.items() if field is not None}, indent=2)


# --- applying -----------------------------------------------------------------------------------------------------------------------


def apply(ops: Iterable[Operation], document: Json) -> Json:
    """The document after all operations; the given one is changed on the way.

    Raises:
        PatchError: ``Error 'operation [0] in web.yml failed': …``
    """
    for op in ops:
        try:
            document = _ACTIONS[op.kind](op, document)
        except PatchError as error:
            # One sentence, as scripts match it, rather than a chain of two.
            raise PatchError(f"Error '{op.message}': {error.brief}" if op.message else error.brief) from None
    return document


def find(path: Pointer, document: Json) -> Json:
    """What is at the path; an absent optional key gives None, an absent optional item a map with its key.

    Raises:
        PatchError: nothing is there.
    """
    value = document
    for at, token in enumerate(path):
        here = path[: at + 1]
        if isinstance(token, AfterLast):
            text = pointer_text(path)
            raise PatchError(
                f"Expected not to find after last index token in path '{text}' (not supported in find operations)"
            )
        container, key = _locate(token, value, here)
        value = _imagined(path, at) if key is None else container[key]
    return value


def _replace(op: Operation, document: Json) -> Json:
    value = clone(op.value)
    if not op.path:
        return value
    container, token, here = _parent(op.path, document)
    if isinstance(token, AfterLast):
        _list(container, here).append(value)
        return document
    target, key = _locate(token, container, here, insertion=True)
    if key is None:
        if isinstance(token, Key):
            target[token.key] = value
        else:
            target.append(value)
        return document
    modifiers: tuple[Modifier, ...] = getattr(token, "modifiers", ())
    if "after" in modifiers:
        target.insert(key + 1, value)
    elif "before" in modifiers:
        target.insert(key, value)
    else:
        target[key] = value
    return document


def _remove(op: Operation, document: Json) -> Json:
    if not op.path:
        raise PatchError("Cannot remove entire document")
    container = document
    for at, token in enumerate(op.path):
        target, key = _locate(token, container, op.path[: at + 1])
        if key is None:
            return document
        if at == len(op.path) - 1:
            del target[key]
        else:
            container = target[key]
    return document


def _test(op: Operation, document: Json) -> Json:
    if not op.absent:
        if not same(find(op.path, document), op.value):
            raise PatchError("Found value does not match expected value")
        return document
    try:
        find(op.path, document)
    except _Absent as error:
        if pointer_text(error.path) != pointer_text(op.path):
            raise
        return document
    raise PatchError(f"Expected to not find '{pointer_text(op.path)}'")


_ACTIONS: Final = {"replace": _replace, "remove": _remove, "test": _test}


# --- walking ------------------------------------------------------------------------------------------------------------------------


def _parent(path: Pointer, document: Json) -> tuple[Json, Token, Pointer]:
    """The container that the last token speaks of; absent optional ones are made on the way."""
    container = document
    for at, token in enumerate(path[:-1]):
        target, key = _locate(token, container, path[: at + 1])
        if key is not None:
            container = target[key]
            continue
        made = _made(path, at)
        if isinstance(token, Key):
            target[token.key] = made
        else:
            target.append(made)
        container = made
    return container, path[-1], path


def _made(path: Pointer, at: int) -> Json:
    """What stands for the absent optional token ``at``: what the next token needs."""
    token, following = path[at], path[at + 1]
    if isinstance(token, Match):
        return {token.key: token.value}
    if isinstance(following, AfterLast | Match):
        return []
    if isinstance(following, Key):
        return {}
    text = pointer_text(path[: at + 2])
    raise PatchError(f"Expected to find key, matching index or after last index token at path '{text}'")


def _imagined(path: Pointer, at: int) -> Json:
    """What a search goes on with at an absent optional token."""
    token = path[at]
    if isinstance(token, Match):
        return {token.key: token.value}
    if at == len(path) - 1:
        return None
    following = path[at + 1]
    if isinstance(following, Match):
        return []
    if isinstance(following, Key):
        return {}
    raise PatchError(f"Expected to find key or matching index token at path '{pointer_text(path[: at + 2])}'")


def _locate(token: Token, container: Json, here: Pointer, *, insertion: bool = False) -> tuple[Any, Any]:
    """The container, and the token's key or index in it; None for what is optional and absent."""
    if isinstance(token, Key):
        entries = _map(container, here)
        if token.key in entries:
            return entries, token.key
        if token.optional:
            return entries, None
        raise _Absent(_missing_key(token.key, here, entries), here)
    if isinstance(token, AfterLast):
        raise PatchError(f"Expected to not find token 'patch.AfterLastIndexToken' at path '{pointer_text(here)}'")
    items = _list(container, here)
    index = token.index if isinstance(token, Index) else _matching(token, items, here)
    if index is None:
        return items, None
    return items, _shifted(index, token.modifiers, items, here, insertion=insertion)


def _matching(token: Match, items: list[Json], here: Pointer) -> int | None:
    found = [
        at
        for at, item in enumerate(items)
        if isinstance(item, dict) and isinstance(item.get(token.key), str) and item[token.key] == token.value
    ]
    if not found and token.optional:
        return None
    if len(found) != 1:
        text = pointer_text(here)
        raise PatchError(f"Expected to find exactly one matching array item for path '{text}' but found {len(found)}")
    return found[0]


def _shifted(index: int, modifiers: tuple[Modifier, ...], items: list[Json], here: Pointer, *, insertion: bool) -> int:
    """The index after ``:prev`` and ``:next``, counted from the front; ``:before`` and ``:after`` only where something is inserted."""
    inserting = ""
    for modifier in modifiers:
        if inserting:
            raise PatchError(
                f"Expected to not find any modifiers after '{inserting}' modifier, but found modifier '{_go_modifier(modifier)}'"
            )
        if modifier in {"before", "after"}:
            if not insertion:
                raise PatchError(
                    "Expected to find one of the following modifiers: 'prev', 'next', "
                    f"but found modifier '{_go_modifier(modifier)}'"
                )
            inserting = modifier
        else:
            index += 1 if modifier == "next" else -1
    if not -len(items) <= index < len(items):
        raise _Absent(
            f"Expected to find array index '{index}' but found array of length '{len(items)}' for path '{pointer_text(here)}'",
            here,
        )
    return index if index >= 0 else len(items) + index


def _go_modifier(modifier: str) -> str:
    return f"patch.{modifier.capitalize()}Modifier"


def _map(value: Json, here: Pointer) -> dict[Any, Json]:
    if isinstance(value, dict):
        return value
    raise PatchError(f"Expected to find a map at path '{pointer_text(here)}' but found '{go_type(value)}'")


def _list(value: Json, here: Pointer) -> list[Json]:
    if isinstance(value, list):
        return value
    raise PatchError(f"Expected to find an array at path '{pointer_text(here)}' but found '{go_type(value)}'")


def _missing_key(key: str, here: Pointer, entries: dict[Any, Json]) -> str:
    names = "', '".join(sorted(name for name in entries if isinstance(name, str)))
    siblings = f"found map keys: '{names}'" if entries else "found no other map keys"
    return f"Expected to find a map key '{key}' for path '{pointer_text(here)}' ({siblings})"


# --- values -------------------------------------------------------------------------------------------------------------------------


def go_type(value: Json) -> str:
    """The type's name in Go, as messages print it."""
    if value is None:
        return "<nil>"
    if isinstance(value, int) and not isinstance(value, bool):
        return "int" if value < 2**63 else "uint64"
    names = {bool: "bool", float: "float64", str: "string", list: "[]interface {}"}
    return names.get(type(value), "map[interface {}]interface {}")
