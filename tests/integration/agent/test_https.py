"""The bus of create-env: an agent that is an HTTPS server."""

from __future__ import annotations

import base64
import json
import ssl
import uuid
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from bosh.wire import subjects

from .conftest import AgentProcess, Authority, BlobDirectory, Bus, free_port

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class HttpsAgent(AgentProcess):
    port = 0

    def settings(self) -> dict[str, Any]:
        certificate, key = self.bus.authority.issue(subjects.agent_common_name(self.agent_id))
        pair = {"ca": self.bus.authority.pem, "certificate": certificate, "private_key": key}
        found = super().settings()
        return {
            **found,
            "mbus": f"https://user:pa%20ss@127.0.0.1:{self.port}",
            "env": {"bosh": {"mbus": {"cert": pair}}},
        }


@pytest.fixture
def https_agent(tmp_path: Path, authority: Authority, blobs: BlobDirectory) -> Iterator[HttpsAgent]:
    agent = HttpsAgent(tmp_path, Bus(tmp_path, authority, 1), str(uuid.uuid4()), blobs.path)
    agent.port = free_port()
    agent.start()
    try:
        yield agent
    finally:
        assert agent.stop() == 0


def ask(agent: HttpsAgent, method: str, path: str, body: bytes = b"", password: str = "pa ss") -> tuple[int, bytes]:
    context = ssl.create_default_context(cadata=agent.bus.authority.pem)
    context.check_hostname = False
    credentials = base64.b64encode(f"user:{password}".encode()).decode()
    for _ in range(100):
        connection = HTTPSConnection("127.0.0.1", agent.port, context=context, timeout=10)
        try:
            connection.request(method, path, body=body, headers={"Authorization": f"Basic {credentials}"})
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError:
            assert agent.process is not None
            with pytest.raises(Exception, match="timed out"):
                agent.process.wait(0.1)
        finally:
            connection.close()
    raise AssertionError("the agent does not listen")


def test_messages_and_blobs(https_agent: HttpsAgent) -> None:
    ping = json.dumps({"method": "ping", "arguments": [], "reply_to": "x"}).encode()
    assert ask(https_agent, "POST", "/agent", ping) == (200, b'{"value":"pong"}')
    assert ask(https_agent, "PUT", "/blobs/b1", b"blob") == (201, b"")
    assert ask(https_agent, "GET", "/blobs/b1") == (200, b"blob")
    assert ask(https_agent, "GET", "/blobs/b2")[0] == 404
    assert ask(https_agent, "GET", "/elsewhere")[0] == 404
    assert ask(https_agent, "POST", "/agent", ping, password="wrong")[0] == 401
