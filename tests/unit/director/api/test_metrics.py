"""What is counted for Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import msgspec
import pytest

from bosh.director.api.information import stemcell
from bosh.director.config import HealthMonitor
from bosh.state import records
from bosh.testing.director import free_port

CLOUD = """
azs: [{name: z1}]
networks:
- name: my-net
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, az: z1, static: [10.0.0.10 - 10.0.0.19], reserved: [10.0.0.2 - 10.0.0.9]}]
- {name: other, type: dynamic}
"""


@pytest.fixture
def monitor() -> Iterator[int]:
    """A health monitor that knows one deployment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"cf": 2 if self.path == "/unresponsive_agents" else 0}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def listen(api, port: int) -> None:
    config = msgspec.structs.replace(api.desk.config, health_monitor=HealthMonitor(port=port))
    object.__setattr__(api.desk, "config", config)


async def test_everything_counted_has_its_name(api, admin: httpx.AsyncClient, monitor: int) -> None:
    listen(api, monitor)
    store, now = api.store, api.clock.now()
    store.configs.insert(records.Config("cloud", "default", CLOUD, now))
    store.ips.insert(records.IpAddress("10.0.0.20", "my-net", "cf"))
    store.ips.insert(records.IpAddress("10.0.0.10", "my-net", "cf", kind="static"))
    store.tasks.insert(records.Task("vms", "done", "", "admin", now, arguments={}))
    store.tasks.insert(records.Task("update_deployment", "queued", "", "admin", now, arguments={}))
    lines = (await admin.get("/metrics")).text.splitlines()
    for line in (
        "bosh_resurrection_enabled 1",
        "bosh_deploy_config_enabled 0",
        'bosh_tasks_total{state="queued",type="update_deployment"} 1',
        'bosh_tasks_total{state="processing",type="vms"} 0',
        # 256, less network and broadcast address, gateway, 8 reserved and 10 static ones.
        'bosh_networks_dynamic_ips_total{name="my_net"} 235',
        'bosh_networks_dynamic_free_ips_total{name="my_net"} 234',
        'bosh_networks_dynamic_ips_total{name="no_networks"} 0',
        'bosh_unresponsive_agents{name="cf"} 2',
        'bosh_stopped_instances{name="cf"} 0',
    ):
        assert line in lines


async def test_nothing_is_missed_without_a_health_monitor(api, admin: httpx.AsyncClient) -> None:
    listen(api, free_port())
    api.store.configs.insert(records.Config("cloud", "default", "networks: [{name: 1", api.clock.now()))
    text = (await admin.get("/metrics")).text
    assert "bosh_resurrection_enabled 1" in text
    assert "bosh_unresponsive_agents{" not in text


def test_the_directors_own_stemcell(tmp_path):
    assert stemcell(tmp_path, tmp_path / "os-release") == {"stemcell_os": None, "stemcell_version": None}
    (tmp_path / "stemcell_version").write_text("1.2\n")
    (tmp_path / "operating_system").write_text("Debian\n")
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    assert stemcell(tmp_path, tmp_path / "os-release") == {
        "stemcell_os": "debian-bookworm",
        "stemcell_version": "1.2",
    }
