from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bosh.clients.cpi import CpiPool, cloud_error, definitions_from, redacted_arguments
from bosh.director.config import CpiConfig
from bosh.wire import cpi
from bosh.wire.errors import BadConfig, CloudError, CpiNotFound

ONE_SHOT = """#!/bin/sh
read -r request
echo "$request" >> {dir}/requests
env > {dir}/environment
echo "creating things" >&2
case "$request" in
*'"method":"info"'*) echo '{{"result":{{"api_version":2}},"error":null,"log":""}}' ;;
*'"method":"create_vm"'*) echo '{{"result":["vm-1",{{}}],"error":null,"log":"made it"}}' ;;
*'"method":"delete_vm"'*)
  echo '{{"result":null,"error":{{"type":"Bosh::Clouds::VMNotFound","message":"no vm-1","ok_to_retry":false}},"log":"gone"}}' ;;
*) echo 'Traceback: garbage' ;;
esac
exit 7
"""

SERVING = """#!/usr/bin/python3
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "die":
        sys.exit(1)
    answer = {"api_version": 2} if request["method"] == "info" else sys.argv[1:]
    print(json.dumps({"result": answer, "error": None, "log": "", "request_id": request["context"]["request_id"]}), flush=True)
"""


@dataclass
class Log:
    lines: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    def debug(self, message: str) -> None:
        self.lines.append(message)

    def cpi(self, text: str) -> None:
        self.stderr.append(text)


def program(tmp_path: Path, text: str) -> str:
    path = tmp_path / "cpi"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def requests(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "requests").read_text().splitlines()]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def pool(tmp_path: Path, log: Log) -> CpiPool:
    path = program(tmp_path, ONE_SHOT.format(dir=tmp_path))
    return CpiPool(CpiConfig(path, properties={"token": "secret"}), director_uuid="director", log=log)


async def test_info_comes_first_and_once(pool: CpiPool, tmp_path: Path) -> None:
    cloud = pool.named("", stemcell_api_version=3)
    env = {"bosh": {"password": "hidden", "group": "shown"}}
    await cloud.call("create_vm", "agent", "stemcell", {"key": "hidden"}, {}, [], env)
    await pool.named("").call("create_vm", "agent", "stemcell", {}, {}, [], {})
    first, second, third = requests(tmp_path)
    assert [first["method"], second["method"], third["method"]] == ["info", "create_vm", "create_vm"]
    assert second["context"]["vm"] == {"stemcell": {"api_version": 3}}
    assert second["context"]["token"] == "secret"
    assert second["api_version"] == 2
    assert "vm" not in third["context"]


async def test_the_program_sees_a_bare_environment(
    pool: CpiPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOSH_CLIENT_SECRET", "secret")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    await pool.named("").info()
    environment = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
    assert environment["PATH"] == "/usr/sbin:/usr/bin:/sbin:/bin"
    assert environment["TMPDIR"] == str(tmp_path)
    assert "BOSH_CLIENT_SECRET" not in environment


async def test_calls_are_logged_without_secrets(pool: CpiPool, log: Log, tmp_path: Path) -> None:
    env = {"bosh": {"password": "hidden", "group": "shown"}, "more": "hidden"}
    networks = {"default": {"ip": "10.0.0.1", "cloud_properties": {"name": "hidden"}}}
    await pool.named("").call("create_vm", "agent", "stemcell", {"key": "hidden"}, networks, [], env)
    text = "\n".join(log.lines)
    assert "hidden" not in text
    assert "secret" not in text
    assert "shown" in text
    assert f"with command: {tmp_path}/cpi" in text
    assert "[external-cpi] [cpi-100001] request: " in text
    assert "[external-cpi] [cpi-100001] response: " in text
    assert "".join(log.stderr) == "creating things\ncreating things\nmade it"


async def test_an_error_keeps_its_kind_and_text(pool: CpiPool) -> None:
    with pytest.raises(CloudError) as caught:
        await pool.named("").call("delete_vm", "vm-1")
    assert caught.value.kind == cpi.VM_NOT_FOUND
    assert caught.value.details == "gone"
    assert caught.value.brief == (
        "CPI error 'Bosh::Clouds::VMNotFound' with message 'no vm-1' in 'delete_vm' CPI method (CPI request ID: 'cpi-100001')"
    )


async def test_garbage_is_an_invalid_response(pool: CpiPool) -> None:
    with pytest.raises(CloudError) as caught:
        await pool.named("").call("has_vm", "vm-1")
    assert caught.value.kind == "InvalidResponse"
    assert "Invalid CPI response" in caught.value.details
    assert "Traceback: garbage" in caught.value.details


async def test_an_old_api_version_is_refused(tmp_path: Path, log: Log) -> None:
    path = program(tmp_path, """#!/bin/sh\necho '{"result":{"api_version":1},"error":null,"log":""}'\n""")
    with pytest.raises(CloudError, match="API version 1"):
        await CpiPool(CpiConfig(path), director_uuid="d", log=log).named("").call("has_vm", "vm-1")


async def test_a_missing_program_is_said_so(tmp_path: Path, log: Log) -> None:
    pool = CpiPool(CpiConfig(str(tmp_path / "none")), director_uuid="d", log=log)
    with pytest.raises(CloudError, match="cannot run CPI"):
        await pool.named("").info()


async def test_a_serving_program_is_started_once_and_again_after_it_died(tmp_path: Path, log: Log) -> None:
    config = CpiConfig(program(tmp_path, SERVING), arguments=["--config", "file"], long_lived=True)
    pool = CpiPool(config, director_uuid="d", log=log)
    try:
        assert await pool.named("").call("ping") == ["--config", "file", "--serve"]
        with pytest.raises(CloudError, match="cannot get an answer"):
            await pool.named("").call("die")
        assert await pool.named("").call("ping") == ["--config", "file", "--serve"]
    finally:
        await pool.close()


def test_definitions_of_a_cpi_config() -> None:
    content = {
        "cpis": [
            {"name": "west", "type": "aws", "properties": {"region": "w"}, "migrated_from": [{"name": "old"}]},
            {"name": "here", "type": "fake", "exec_path": "/bin/cpi"},
        ]
    }
    west, old, here = definitions_from(content)
    assert (west.name, west.exec_path, west.properties) == ("west", "/var/vcap/jobs/aws_cpi/bin/cpi", {"region": "w"})
    assert (old.name, old.exec_path) == ("old", west.exec_path)
    assert here.exec_path == "/bin/cpi"


@pytest.mark.parametrize("content", [{}, {"cpis": {}}, {"cpis": ["x"]}, {"cpis": [{"name": "x"}]}])
def test_a_cpi_config_of_another_shape_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(BadConfig):
        definitions_from(content)


def test_names_and_unknown_names(log: Log) -> None:
    assert CpiPool(CpiConfig("/cpi"), director_uuid="d", log=log).names() == [""]
    pool = CpiPool(
        CpiConfig("/cpi"), definitions_from({"cpis": [{"name": "a", "type": "x"}]}), director_uuid="d", log=log
    )
    assert pool.names() == ["a"]
    with pytest.raises(CpiNotFound):
        pool.named("b")


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("Bosh::Clouds::NoDiskSpace", "full", "Bosh::Clouds::NoDiskSpace"),
        ("InvalidCall", "Method is not known, got 'x'", cpi.NOT_IMPLEMENTED),
        (cpi.CLOUD_ERROR, "Invalid Method: x", cpi.NOT_IMPLEMENTED),
        ("Mine", "text", cpi.UNKNOWN_ERROR),
    ],
)
def test_kinds_of_errors(kind: str, message: str, expected: str) -> None:
    error = cloud_error(cpi.Failure(kind, message, ok_to_retry=True), method="m", request_id="r")
    assert error.kind == expected
    assert message in error.brief


def test_disk_properties_are_hidden() -> None:
    assert redacted_arguments("create_disk", [1, {"key": "v"}, None]) == [1, {"key": "<redacted>"}, None]
    assert redacted_arguments("update_disk", ["d", 1, {"key": "v"}])[2] == {"key": "<redacted>"}
    assert redacted_arguments("has_vm", ["vm"]) == ["vm"]
