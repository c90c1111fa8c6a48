"""bosh/agent/sources"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bosh.agent import sources
from bosh.agent.machine.commands import Command, FakeCommands, Result
from bosh.agent.sources.config_drive import read_from_disk
from bosh.wire.errors import BoshError

SETTINGS = {"agent_id": "a"}


class Handler(BaseHTTPRequestHandler):
    """A metadata service that wants a token."""

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self._answer(b"token" if self.headers.get("X-aws-ec2-metadata-token-ttl-seconds") else b"")

    def do_GET(self) -> None:
        allowed = self.headers.get("X-aws-ec2-metadata-token") == "token" and self.headers.get("X-Mine") == "1"
        self._answer(json.dumps(SETTINGS).encode(), 200 if allowed else 401)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def metadata() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_http(metadata: str) -> None:
    option = {
        "Type": "HTTP",
        "URI": metadata,
        "UserDataPath": "/data",
        "TokenPath": "/token",
        "Headers": {"X-Mine": "1"},
    }
    [source] = sources.build([option], FakeCommands())
    assert await source.read() == SETTINGS
    [without] = sources.build([{"Type": "InstanceMetadata", "URI": metadata}], FakeCommands())
    with pytest.raises(BoshError, match="answered 401"):
        await without.read()


async def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    [source] = sources.build([{"Type": "File", "SettingsPath": str(file)}], FakeCommands())
    with pytest.raises(BoshError, match="cannot read settings"):
        await source.read()
    file.write_text(json.dumps(SETTINGS))
    assert await source.read() == SETTINGS
    file.write_text("[]")
    with pytest.raises(BoshError, match="must be a JSON object"):
        await source.read()


class Mounting(FakeCommands):
    """Mounting puts a file where a disk would have it."""

    async def run(self, command: Command, *, cancelled: asyncio.Event | None = None) -> Result:
        self._fill(command.argv)
        return await super().run(command, cancelled=cancelled)

    @staticmethod
    def _fill(argv: Sequence[str]) -> None:
        if argv[0] == "mount":
            target = Path(argv[-1]) / "ec2" / "user-data"
            target.parent.mkdir()
            target.write_text(json.dumps(SETTINGS))
        elif argv[0] == "umount":
            (Path(argv[-1]) / "ec2" / "user-data").unlink()


async def test_a_config_drive(tmp_path: Path) -> None:
    (tmp_path / "disk").touch()
    disks = [str(tmp_path / "none"), str(tmp_path / "disk")]
    option = {"Type": "ConfigDrive", "DiskPaths": disks, "SettingsPath": "ec2/user-data"}
    commands = Mounting()
    [source] = sources.build([option], commands)
    assert await source.read() == SETTINGS
    assert [command[0] for command in commands.ran] == ["mount", "umount"]
    with pytest.raises(BoshError, match="no such device"):
        await read_from_disk(disks[0], "x", commands)
    with pytest.raises(BoshError, match="cannot read settings"):
        await read_from_disk(disks[1], "absent", commands)
    assert commands.ran[-1][0] == "umount"


def test_an_unknown_type() -> None:
    with pytest.raises(BoshError, match="'Carrier pigeon'"):
        sources.build([{"Type": "Carrier pigeon"}], FakeCommands())
    assert len(sources.build([{"Type": "CDROM"}], FakeCommands())) == 1
