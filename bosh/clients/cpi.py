"""Clouds through their CPI programs (bosh: src/bosh-director/lib/clouds/external_cpi.rb).

``CpiPool`` knows all clouds of one director; ``ExternalCpi`` is one of them, seen with one stemcell's API version. How the program is run
(a process for each call, or one that serves many) is ``bosh.clients.cpi_process``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bosh.clients.cpi_journal import Journal
from bosh.clients.cpi_process import OneShotProgram, Program, ServingProgram
from bosh.director.config import CpiConfig
from bosh.wire import cpi
from bosh.wire.errors import BadConfig, CloudError, CpiNotFound

INVALID_RESPONSE = "InvalidResponse"
_REDACTED = "<redacted>"


class CpiLog(Protocol):
    """Where calls are told of; a task's log is one."""

    def debug(self, message: str) -> None: ...

    def cpi(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CpiDefinition:
    """One entry of a CPI config. ``properties`` are merged into each request's context."""

    name: str
    exec_path: str
    arguments: tuple[str, ...] = ()
    long_lived: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


def definitions_from(content: Mapping[str, Any]) -> tuple[CpiDefinition, ...]:
    """The CPIs of a CPI config (``cpis: [{name, type, exec_path?, properties?, migrated_from?}]``, bosh: cpi_config/parsed_cpi_config.rb).

    Raises:
        BadConfig: not of this shape.
    """
    entries = content.get("cpis")
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise BadConfig("cannot use the CPI config", details="'cpis' must be a list of maps")
    return tuple(definition for entry in entries for definition in _definitions_of(entry))


def _definitions_of(entry: Mapping[str, Any]) -> Iterable[CpiDefinition]:
    name, kind = entry.get("name"), entry.get("type")
    if not isinstance(name, str) or not isinstance(kind, str):
        raise BadConfig("cannot use the CPI config", details=f"each CPI needs a name and a type: {entry!r:.200}")
    path = str(entry.get("exec_path") or f"/var/vcap/jobs/{kind}_cpi/bin/cpi")
    properties = entry.get("properties") or {}
    for alias in (name, *(old.get("name", "") for old in entry.get("migrated_from") or [])):
        if alias:
            yield CpiDefinition(alias, path, properties=properties)


class CpiPool:
    """All clouds by name; the empty name is the director's default CPI. Programs are started on first use; ``close`` ends them."""

    def __init__(
        self,
        default: CpiConfig,
        definitions: Sequence[CpiDefinition] = (),
        *,
        director_uuid: str,
        log: CpiLog,
        journal: Journal | None = None,
    ) -> None:
        first = CpiDefinition("", default.exec_path, tuple(default.arguments), default.long_lived, default.properties)
        self._definitions = {definition.name: definition for definition in (first, *definitions)}
        self._clouds: dict[str, _Cloud] = {}
        self._director_uuid = director_uuid
        self._calls = itertools.count()
        self.log = log
        self.journal = journal

    def next_request_id(self) -> str:
        """``cpi-NNNNNN``, unique among the calls under way."""
        return f"cpi-{100_000 + next(self._calls) % 900_000}"

    def named(self, name: str, *, stemcell_api_version: int | None = None) -> ExternalCpi:
        """The cloud, for VMs made of stemcells with this API version (sent as ``context.vm.stemcell.api_version``).

        Raises:
            CpiNotFound: no such name in the CPI config.
        """
        if name not in self._clouds:
            definition = self._definitions.get(name)
            if definition is None:
                known = ", ".join(sorted(filter(None, self._definitions))) or "none"
                raise CpiNotFound(f"CPI '{name}' not found in cpi-config", details=f"known: {known}")
            self._clouds[name] = _Cloud(definition)
        return ExternalCpi(self._clouds[name], self, self._director_uuid, stemcell_api_version)

    def names(self) -> Sequence[str]:
        """Named CPIs; only the empty name when there is no CPI config."""
        named = sorted(filter(None, self._definitions))
        return named or [""]

    async def close(self) -> None:
        """End the long-lived programs."""
        clouds, self._clouds = self._clouds, {}
        for cloud in clouds.values():
            await cloud.program.close()


class _Cloud:
    """One definition, its program, and what its ``info`` said."""

    def __init__(self, definition: CpiDefinition) -> None:
        self.definition = definition
        command = (definition.exec_path, *definition.arguments)
        self.program: Program = ServingProgram(command) if definition.long_lived else OneShotProgram(command)
        self.info: Mapping[str, Any] | None = None


class ExternalCpi:
    """One cloud; keeps the ``Cpi`` contract."""

    def __init__(self, cloud: _Cloud, pool: CpiPool, director_uuid: str, stemcell_api_version: int | None) -> None:
        self._cloud = cloud
        self._pool = pool
        self._director_uuid = director_uuid
        self._stemcell_api_version = stemcell_api_version

    async def call(self, method: str, *arguments: Any) -> Any:
        """The result of one CPI method; ``info`` is asked first, once.

        Raises:
            CloudError: ``kind`` is the CPI's error type, ``Bosh::Clouds::UnknownError`` for one that is not known, ``InvalidResponse``
                when it answered garbage or speaks no API version we know.
        """
        info = await self.info()
        if method == "info":
            return dict(info)
        return await self._invoke(method, arguments)

    async def info(self) -> Mapping[str, Any]:
        """``{api_version, stemcell_formats}`` as the CPI says. Raises CloudError."""
        if self._cloud.info is None:
            answer = await self._invoke("info", ())
            version = answer.get("api_version", 1) if isinstance(answer, Mapping) else 1
            if not isinstance(version, int) or version < cpi.API_VERSION:
                raise CloudError(
                    f"cannot use CPI {self._cloud.definition.exec_path}",
                    kind=INVALID_RESPONSE,
                    details=f"it speaks API version {version}; {cpi.API_VERSION} is needed",
                    resolution="Use a newer version of the CPI's release.",
                )
            self._cloud.info = answer
        return self._cloud.info

    async def _invoke(self, method: str, arguments: tuple[Any, ...]) -> Any:
        request_id = self._pool.next_request_id()
        journal, definition = self._pool.journal, self._cloud.definition
        entry = journal.begin(method, arguments, definition.name) if journal else None
        context = self._context(request_id)
        if entry is not None and definition.long_lived:
            context["answer_file"] = str(entry.answer_file)
        request = cpi.Request(method, arguments, context)
        log, tell = self._pool.log, self._pool.log.debug
        tag = f"[external-cpi] [{request_id}]"
        tell(f"{tag} request: {self._shown(request)} with command: {self._cloud.definition.exec_path}")
        try:
            answer = await self._cloud.program.exchange(cpi.encode_request(request), request_id, log.cpi, entry)
        except CloudError as error:
            error.brief = f"cannot {method}: {error.brief}"
            raise
        if journal and entry:
            journal.answered(entry)
        tell(f"{tag} response: {answer.decode(errors='replace').strip()}")
        try:
            response = cpi.decode_response(answer)
        except cpi.InvalidMessage as error:
            raise CloudError(
                f"cannot {method} with CPI {self._cloud.definition.exec_path}",
                kind=INVALID_RESPONSE,
                details=f"Invalid CPI response - {error}",
            ) from error
        if response.log:
            log.cpi(response.log)
        if response.error is not None:
            raise cloud_error(response.error, method=method, request_id=request_id, log=response.log)
        return response.result

    def _context(self, request_id: str) -> dict[str, Any]:
        context: dict[str, Any] = {"director_uuid": self._director_uuid, "request_id": request_id}
        if self._stemcell_api_version is not None:
            context["vm"] = {"stemcell": {"api_version": self._stemcell_api_version}}
        return {**context, **self._cloud.definition.properties}

    def _shown(self, request: cpi.Request) -> str:
        properties = self._cloud.definition.properties
        context = {key: _REDACTED if key in properties else value for key, value in request.context.items()}
        shown = {
            "method": request.method,
            "arguments": redacted_arguments(request.method, request.arguments),
            "context": context,
            "api_version": request.api_version,
        }
        return json.dumps(shown, separators=(",", ":"))


def cloud_error(failure: cpi.Failure, *, method: str, request_id: str, log: str = "") -> CloudError:
    """The error that the original director raises for a CPI's failure, its text included."""
    text = (
        f"'{failure.kind}' with message '{failure.message}' in '{method}' CPI method (CPI request ID: '{request_id}')"
    )
    if _means_not_implemented(failure):
        return CloudError(f"CPI error {text}", kind=cpi.NOT_IMPLEMENTED, details=_tail(log))
    if failure.kind not in cpi.KNOWN_ERRORS:
        return CloudError(f"Unknown CPI error {text}", kind=cpi.UNKNOWN_ERROR, details=_tail(log))
    return CloudError(f"CPI error {text}", kind=failure.kind, details=_tail(log), ok_to_retry=failure.ok_to_retry)


def _means_not_implemented(failure: cpi.Failure) -> bool:
    """Older CPIs say it in words (external_cpi.rb: handle_method_not_implemented)."""
    return (failure.kind == "InvalidCall" and failure.message.startswith("Method is not known, got")) or (
        failure.kind == cpi.CLOUD_ERROR and failure.message.startswith("Invalid Method:")
    )


def _tail(log: str) -> str:
    return "\n".join(log.strip().splitlines()[-10:])


def redacted_arguments(method: str, arguments: Sequence[Any]) -> list[Any]:
    """Arguments as they may be logged: cloud properties and env lose their values (external_cpi.rb: redact_arguments)."""
    shown = list(arguments)
    if method == "create_vm" and len(shown) >= 6:
        shown[2] = _hidden(shown[2])
        shown[3] = {name: _network_shown(network) for name, network in (shown[3] or {}).items()}
        shown[5] = _env_shown(shown[5] or {})
    elif method == "create_disk" and len(shown) >= 2:
        shown[1] = _hidden(shown[1])
    elif method == "update_disk" and len(shown) >= 3:
        shown[2] = _hidden(shown[2])
    return shown


def _hidden(values: Any, keep: frozenset[str] = frozenset()) -> Any:
    if not isinstance(values, Mapping):
        return values
    return {key: value if key in keep else _REDACTED for key, value in values.items()}


def _network_shown(network: Any) -> Any:
    if isinstance(network, Mapping) and isinstance(network.get("cloud_properties"), Mapping):
        return {**network, "cloud_properties": _hidden(network["cloud_properties"])}
    return network


def _env_shown(env: Mapping[str, Any]) -> Any:
    shown = _hidden(env, frozenset({"bosh"}))
    if isinstance(env.get("bosh"), Mapping):
        shown["bosh"] = _hidden(env["bosh"], frozenset({"group", "groups", "tags"}))
    return shown
