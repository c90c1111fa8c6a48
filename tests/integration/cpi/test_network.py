"""What VMs reach, what reaches them, and that nothing for them ever leaves the machine."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from bosh.testing.container_vms import GATEWAY, RANGE, Program, machine_state, manual

FETCH = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2).read()"
GET = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {} 80"
pytestmark = [pytest.mark.integration, pytest.mark.slow]


def routes() -> str:
    return subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout


def refused_with(ip: str) -> int:
    """The error number of a connection that cannot come about."""
    with socket.socket() as connection:
        connection.settimeout(5)
        return connection.connect_ex((ip, 80))


def from_world(world: str, *command: str) -> int:
    return subprocess.run(
        ["ip", "netns", "exec", world, *command], capture_output=True, timeout=20, check=False
    ).returncode


def serve_http(program: Program, vm: str, content: str) -> None:
    program.inside(vm, f"echo {content} > /tmp/index.html; httpd -p 80 -h /tmp")


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode().strip())


def test_vms_reach_each_other_and_the_machine(program: Program) -> None:
    stemcell = program.stemcell()
    first = program.vm({"net": manual("10.245.77.5")}, stemcell=stemcell)
    program.vm({"net": manual("10.245.77.6")}, stemcell=stemcell)
    program.inside(first, f"ping -c1 -W2 {GATEWAY} && ping -c1 -W2 10.245.77.6")


def test_two_interfaces(program: Program) -> None:
    second = {"type": "manual", "ip": "10.245.75.5", "netmask": "255.255.255.0", "gateway": "10.245.75.1"}
    vm = program.vm({"a": manual("10.245.77.5"), "b": {**second, "default": ["gateway"]}})
    assert "default via 10.245.75.1 dev eth1" in program.inside(vm, "ip route")
    assert "10.245.77.5/24" in program.inside(vm, "ip addr show eth0")
    assert len(program.listed()["bridges"]) == 2
    assert program.listed()["guards"] == ["10.245.75.0/24", RANGE]
    program.call("delete_vm", vm)
    assert machine_state(program.config) == []


def test_dynamic_addresses_are_free_ones(program: Program) -> None:
    stemcell = program.stemcell()
    program.vm({"net": manual("10.245.77.2")}, stemcell=stemcell)
    vm, networks = program.create_vm({"net": {"type": "dynamic", "cloud_properties": {}}}, stemcell=stemcell)
    assert (networks["net"]["ip"], networks["net"]["gateway"]) == ("10.245.77.3", GATEWAY)
    program.inside(vm, "ping -c1 -W2 10.245.77.2")


def test_a_guard_stands_as_long_as_a_vm_lives(program: Program) -> None:
    vm = program.vm({"net": manual("10.245.77.5")})
    assert f"unreachable {RANGE} proto 176 metric 4278198272" in routes()
    subprocess.run(["ip", "link", "set", program.listed()["bridges"][0], "down"], check=True)
    assert refused_with("10.245.77.5") == errno.EHOSTUNREACH
    program.call("delete_vm", vm)
    assert RANGE not in routes()


def test_a_range_that_is_in_use_is_refused(program: Program, world: str) -> None:
    stemcell = program.stemcell()
    taken = {"type": "manual", "ip": "10.245.76.9", "netmask": "255.255.255.0", "gateway": "10.245.76.3"}
    error = program.fails("create_vm", "a", stemcell, {}, {"net": taken}, [], {})
    assert "10.245.76.0/24" in error.message
    assert "uses them already" in error.message
    assert program.listed()["vms"] == []


def test_the_machine_may_keep_an_address_among_its_vms(program: Program) -> None:
    """A director's, on a loopback: VMs reach it, and none of them gets it."""
    own = {**program.config, "host_addresses": ["10.245.77.2"]}
    program = Program(own, program.state_dir.parent, program.image)
    subprocess.run(["ip", "addr", "add", "10.245.77.2/32", "dev", "lo"], check=True)
    try:
        stemcell = program.stemcell()
        _, networks = program.create_vm({"net": {"type": "dynamic"}}, stemcell=stemcell)
        assert networks["net"]["ip"] == "10.245.77.3"
        error = program.fails("create_vm", "a", stemcell, {}, {"net": manual("10.245.77.2")}, [], {})
        assert "10.245.77.2" in error.message
        other = {"type": "manual", "ip": "10.245.75.5", "netmask": "255.255.255.0", "gateway": "10.245.75.1"}
        assert (
            program.tried_inside(program.vm({"net": other}, stemcell=stemcell), "ping -c1 -W2 10.245.77.2").returncode
            == 0
        )
    finally:
        subprocess.run(["ip", "addr", "del", "10.245.77.2/32", "dev", "lo"], check=True)


def test_outbound_is_behind_the_machines_address(program: Program, world: str) -> None:
    """The world knows no route back to the VM, so that its answer proves the translation."""
    vm = program.vm({"net": manual("10.245.77.5")})
    program.inside(vm, "ping -c1 -W2 10.245.76.2")


def test_a_closed_subnet_stays_on_the_machine(program: Program, world: str) -> None:
    vm = program.vm({"net": manual("10.245.77.5", cloud_properties={"outbound": False})})
    assert program.tried_inside(vm, "ping -c1 -W1 10.245.76.2").returncode == 1
    program.inside(vm, f"ping -c1 -W2 {GATEWAY}")


def test_nothing_gets_in_but_through_a_port(program: Program, world: str) -> None:
    vm = program.vm({"net": manual("10.245.77.5")}, {"ports": [{"host": 28080, "container": 80}]})
    serve_http(program, vm, "through")
    subprocess.run(["ip", "-n", world, "route", "add", RANGE, "via", "10.245.76.1"], check=True)
    assert from_world(world, sys.executable, "-c", FETCH, "http://10.245.77.5/") == 1
    assert from_world(world, sys.executable, "-c", FETCH, "http://10.245.76.1:28080/") == 0
    assert fetched("http://127.0.0.1:28080/") == "through"


def test_a_port_has_one_vm(program: Program) -> None:
    stemcell = program.stemcell()
    ports = {"ports": [{"host": 28081, "container": 80}]}
    program.vm({"net": manual("10.245.77.5")}, ports, stemcell)
    error = program.fails("create_vm", "b", stemcell, ports, {"net": manual("10.245.77.6")}, [], {})
    assert "28081" in error.message


def test_vms_do_not_reach_the_machines_loopback(program: Program) -> None:
    vm = program.vm({"net": manual("10.245.77.5")})
    program.inside(vm, f"ip route add 127.9.9.9/32 via {GATEWAY} 2>/dev/null || true")
    assert program.tried_inside(vm, "ping -c1 -W1 -I eth0 127.9.9.9").returncode != 0


def test_a_vip_leads_to_its_vm(program: Program) -> None:
    stemcell = program.stemcell()
    networks = {"net": manual("10.245.77.5"), "public": {"type": "vip", "ip": "10.245.74.9", "cloud_properties": {}}}
    vm, actual = program.create_vm(networks, stemcell=stemcell)
    other = program.vm({"net": manual("10.245.77.6")}, stemcell=stemcell)
    assert actual["public"]["ip"] == "10.245.74.9"
    serve_http(program, vm, "vip")
    assert fetched("http://10.245.74.9/") == "vip"
    assert program.inside(other, GET.format("10.245.74.9")).endswith("vip")
    program.call("delete_vm", vm)
    assert "10.245.74.9" not in subprocess.run(["ip", "addr"], capture_output=True, text=True, check=True).stdout


def test_two_state_directories_do_not_share_a_range(program: Program, tmp_path: object) -> None:
    program.vm({"net": manual("10.245.77.5")})
    other = {**program.config, "state_dir": f"{program.state_dir}-other"}
    second = Program(other, program.state_dir.parent, program.image)
    try:
        error = second.fails("create_vm", "a", second.stemcell(), {}, {"net": manual("10.245.77.7")}, [], {})
        assert "uses them already" in error.message
    finally:
        assert second.run("destroy-all").returncode == 0
        Program(program.config, program.state_dir.parent, program.image)


def test_a_managed_network(program: Program) -> None:
    cid, address, _ = program.call("create_network", {"type": "manual", "range": RANGE, "gateway": GATEWAY})
    assert address == {"range": RANGE, "gateway": GATEWAY, "reserved": []}
    vm = program.vm({"net": manual("10.245.77.5")})
    assert vm in program.fails("delete_network", cid).message
    program.call("delete_vm", vm)
    program.call("delete_network", cid)
    assert program.listed()["networks"] == []


@pytest.mark.skipif(shutil.which("iptables") is None, reason="needs iptables, the program of the firewalls in question")
def test_a_machine_that_drops_what_it_forwards_lets_vms_out(image: Path, tmp_path: Path) -> None:
    """As with Docker or ufw. The machine is a namespace of its own, the world another."""
    machine, world = f"m{os.getpid()}", f"o{os.getpid()}"

    def run(*words: str) -> str:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=10).stdout

    enter = ["nsenter", f"--net=/run/netns/{machine}"]
    program = Program({"state_dir": str(tmp_path / "state"), "ranges": [RANGE]}, tmp_path, image)
    program.command = [*enter, *program.command]
    try:
        for name in (machine, world):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", machine, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", world)
        for name, device, address in ((machine, "up0", "10.245.76.1/24"), (world, "eth0", "10.245.76.2/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")
        run(*enter, "iptables", "-P", "FORWARD", "DROP")
        run(*enter, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward")
        vm = program.vm({"net": manual("10.245.77.5")})
        program.inside(vm, "ping -c1 -W2 10.245.76.2")
        program.call("delete_vm", vm)
        assert run(*enter, "iptables", "-S", "FORWARD").strip() == "-P FORWARD DROP"
        assert run(*enter, "cat", "/proc/sys/net/ipv4/ip_forward").strip() == "0"
    finally:
        assert program.run("destroy-all").returncode == 0
        for name in (machine, world):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
