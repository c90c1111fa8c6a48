"""TLS servers inside the daemon's event loop."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any

import uvicorn

from bosh.director.config import Tls

# A client that says nothing for so long is dropped; uploads of slow lines say something all the time.
_KEEP_ALIVE_S = 30

# How long open requests may take to end when the daemon stops.
_GRACE_S = 3


def server_context(tls: Tls, scratch: Path) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate. The library reads keys only from files, so there is one for a moment."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    descriptor, name = tempfile.mkstemp(dir=scratch)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{tls.certificate.rstrip()}\n{tls.private_key}")
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
    return context


class Server:
    """One application on one port."""

    def __init__(self, app: Any, *, host: str, port: int, context: ssl.SSLContext) -> None:
        settings = uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        settings.load()
        settings.ssl = context
        self._server = _Quiet(settings)
        self.address = f"{host}:{port}"

    async def serve(self) -> None:
        """Until ``stop``. Raises SystemExit when the port is taken."""
        await self._server.serve()

    async def started(self) -> None:
        """Returns when connections are accepted."""
        # The library has a flag for it and no event.
        while not self._server.started and not self._server.should_exit:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True


class _Quiet(uvicorn.Server):
    """Leaves signals to the daemon."""

    def capture_signals(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()
