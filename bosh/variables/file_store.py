"""``--vars-store``: variables in a YAML file, generated when missing (bosh-cli: cmd/opts/vars_fs_store.go, vars_cert_loader.go)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from bosh.manifest.documents import load
from bosh.manifest.emit import dump
from bosh.manifest.interpolate import Definition, InterpolationError, Variables
from bosh.manifest.model import Json
from bosh.system.clock import Clock, SystemClock
from bosh.variables.certificates import KeyPairPem
from bosh.variables.generators import GenerationError, Workshop, generate


class FileStore:
    """A source of variables for ``bosh.manifest.interpolate``.

    Args:
        path: the YAML file; made when the first value is generated.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._path = path
        self._all: Variables = self
        self._clock = clock or SystemClock()
        self._values: dict[str, Json] | None = None

    def get(self, definition: Definition) -> tuple[Json, bool]:
        """The value; a new one, saved at once, for a definition with a type.

        Raises:
            InterpolationError: a value cannot be generated, or the file cannot be read or written.
        """
        values = self._load()
        if definition.name in values:
            return values[definition.name], True
        if not definition.type:
            return None, False
        value = self._generate(definition)
        values[definition.name] = value
        self._save(values)
        return value, True

    def look_through(self, variables: Variables) -> None:
        """The CA of a new certificate may come from any of these, not only from the file."""
        self._all = variables

    def names(self) -> Iterable[str]:
        return list(self._load())

    def _generate(self, definition: Definition) -> Json:
        options = definition.options if isinstance(definition.options, dict) else {}
        workshop = Workshop(now=self._clock.now(), authority=self._authority, strict=True)
        try:
            return generate(definition.type, options, workshop)
        except (GenerationError, InterpolationError) as error:
            raise InterpolationError(f"Generating variable '{definition.name}'") from error

    def _authority(self, name: str) -> KeyPairPem:
        value, found = self._all.get(Definition(name))
        if not found or not isinstance(value, dict):
            raise InterpolationError(f"Expected to find variable '{name}' with a certificate")
        return KeyPairPem(str(value.get("certificate") or ""), str(value.get("private_key") or ""))

    def _load(self) -> dict[str, Json]:
        if self._values is None:
            self._values = self._read()
        return self._values

    def _read(self) -> dict[str, Json]:
        try:
            text = self._path.read_text()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise InterpolationError(f"cannot read variables file store '{self._path}'", details=str(error)) from error
        value = load(text, str(self._path), allow_duplicates=True).value
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InterpolationError(f"Deserializing variables file store '{self._path}': expected a map")
        return {str(name): entry for name, entry in value.items()}

    def _save(self, values: dict[str, Json]) -> None:
        """Whole or not at all, readable by the owner alone: it holds private keys."""
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(dump(values))
            beside.replace(self._path)
        except OSError as error:
            raise InterpolationError(f"cannot write variables file store '{self._path}'", details=str(error)) from error
