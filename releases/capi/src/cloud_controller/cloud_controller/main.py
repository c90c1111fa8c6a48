"""``cloud_controller --config FILE``: migrate, plant, listen."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import msgspec
import uvicorn

from cloud_controller import config as configuration
from cloud_controller import program
from cloud_controller.auth.tokens import Verifier
from cloud_controller.auth.uaa import UaaKeys, UaaUsers
from cloud_controller.blobstore.contract import Blobstore
from cloud_controller.blobstore.local import LocalBlobstore
from cloud_controller.blobstore.signing import Signer
from cloud_controller.clock import SystemClock, random_guid
from cloud_controller.config import Config, ListenConfig, TlsConfig
from cloud_controller.diego.client import HttpBbsClient
from cloud_controller.diego.usage import ContainerUsage, LogCacheUsage, NoUsage
from cloud_controller.services import Services
from cloud_controller.state import database, migrate
from cloud_controller.state.store import Database, StoreSettings
from cloud_controller.vault import Vault

log = logging.getLogger("cloud_controller")

PEER_TIMEOUT_SECONDS = 10.0
_PLAIN_RECORD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in record.__dict__.items() if key not in _PLAIN_RECORD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _context(tls: TlsConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    context.load_cert_chain(tls.certificate, tls.private_key)
    return context


def _client(base_url: str, verify: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(base_url=base_url, verify=verify, timeout=PEER_TIMEOUT_SECONDS)


def _usage(config: Config) -> ContainerUsage:
    tls = config.log_cache_tls
    if not config.log_cache_internal_address:
        return NoUsage()
    if tls is None:
        return LogCacheUsage(grpc.insecure_channel(config.log_cache_internal_address), SystemClock())
    parts = [Path(name).read_bytes() for name in (tls.ca, tls.private_key, tls.certificate)]
    credentials = grpc.ssl_channel_credentials(*parts)
    return LogCacheUsage(grpc.secure_channel(config.log_cache_internal_address, credentials), SystemClock())


def _blobs(config: Config) -> Blobstore:
    if config.blobstore.directory:
        return LocalBlobstore(Path(config.blobstore.directory))
    # Its client library is large; most installations keep files in a directory.
    from cloud_controller.blobstore import s3

    return s3.connect(config.blobstore)


def services_of(config: Config) -> Services:
    """The real ones."""
    clock = SystemClock()
    settings = StoreSettings(clock, random_guid, Vault(config.database_keys))
    trust = ssl.create_default_context()
    if config.uaa.ca:
        trust.load_verify_locations(config.uaa.ca)
    uaa = _client(config.uaa.internal_url, trust)
    bbs = _client(config.diego.bbs_url, _context(config.diego.tls) if config.diego.tls else trust)
    issuers = frozenset(config.uaa.issuers or [f"{config.uaa.url}/oauth/token"])
    return Services(
        config=config,
        database=Database(database.create(config.database_url), settings),
        clock=clock,
        verifier=Verifier(UaaKeys(uaa), issuers),
        users=UaaUsers(uaa, config.uaa.lookup_client, config.uaa.lookup_secret),
        blobs=_blobs(config),
        signer=Signer(config.blobstore.signing_secret, config.blob_url, clock),
        bbs=HttpBbsClient(bbs),
        usage=_usage(config),
    )


def _server(app: Any, address: str, port: int, tls: TlsConfig | None, *, mutual: bool) -> uvicorn.Server:
    secure: dict[str, Any] = {}
    if tls:
        secure = {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.private_key}
    if tls and mutual:
        secure |= {"ssl_ca_certs": tls.ca, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=address,
            port=port,
            log_config=None,
            access_log=False,
            proxy_headers=True,
            server_header=False,
            **secure,
        )
    )


def servers(listen: ListenConfig, running: program.Program) -> list[uvicorn.Server]:
    """The listeners: public (plain, behind the router), public with TLS (for cells), internal with mutual TLS."""
    found = [_server(running.public, listen.address, listen.port, None, mutual=False)]
    if listen.tls:
        # The plain listener starts and stops the threads; this one must not do so again.
        found.append(
            _server(_without_lifespan(running.public), listen.address, listen.tls_port, listen.tls, mutual=False)
        )
    # Without certificates nobody from elsewhere may tell us what became of builds and tasks.
    internal_address = listen.address if listen.internal_tls else "127.0.0.1"
    found.append(_server(running.internal, internal_address, listen.internal_port, listen.internal_tls, mutual=True))
    return found


def _without_lifespan(app: Any) -> Any:
    async def requests_only(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)

    return requests_only


async def _serve(listeners: Sequence[uvicorn.Server]) -> None:
    first, *others = listeners
    tasks = [asyncio.create_task(server.serve()) for server in listeners]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    # One that ends, by a signal or a port in use, ends all.
    for server in (first, *others):
        server.should_exit = True
    await asyncio.gather(*tasks)


def main(arguments: Sequence[str] | None = None) -> None:
    """The program."""
    parser = argparse.ArgumentParser(prog="cloud_controller", description="The runtime's API server.")
    parser.add_argument("--config", required=True, type=Path, help="configuration file, YAML or JSON")
    parser.add_argument("--check", action="store_true", help="read the configuration and end")
    parser.add_argument("--migrate-only", action="store_true", help="bring the database to the newest schema and end")
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = configuration.load(options.config)
    except configuration.BadConfig as error:
        parser.exit(2, f"{error}\n")
    if options.check:
        return
    migrate.migrate(config.database_url)
    if options.migrate_only:
        return
    services = services_of(config)
    program.plant(services)
    running = program.assemble(services)
    log.info("listening", extra={"port": config.listen.port, "internal_port": config.listen.internal_port})
    asyncio.run(_serve(servers(config.listen, running)))


if __name__ == "__main__":
    main()
