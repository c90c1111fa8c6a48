from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from container_cpi.oci import Bundle, Device, Limits, runtime_config


def config(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "hostname": "vm-1",
        "root": Path("/r"),
        "netns": Path("/n"),
        "data": Path("/d"),
        "cgroup": "/bosh-1/vm-1",
        "init": ("/sbin/init",),
        "limits": Limits(),
        "capabilities": ["CAP_CHOWN"],
    }
    return runtime_config(Bundle(**{**fields, **changes}))


def mounts() -> dict[str, dict[str, Any]]:
    return {mount["destination"]: mount for mount in config()["mounts"]}


def test_what_nested_containers_need() -> None:
    linux = config()["linux"]
    assert linux["rootfsPropagation"] == "rshared"
    assert linux["resources"]["devices"] == [{"allow": True, "type": "a", "access": "rwm"}]
    assert (linux["maskedPaths"], linux["readonlyPaths"]) == ([], [])
    assert "user" not in [namespace["type"] for namespace in linux["namespaces"]]
    assert "/warden-cpi-dev" not in mounts()
    assert mounts()["/var/vcap/data"] == {
        "destination": "/var/vcap/data",
        "type": "bind",
        "source": "/d",
        "options": ["rbind", "rw", "rprivate", "rshared"],
    }


def test_what_systemd_needs() -> None:
    assert "container=oci" in config()["process"]["env"]
    assert "ro" in mounts()["/sys"]["options"]
    assert "rw" in mounts()["/sys/fs/cgroup"]["options"]
    assert mounts()["/run"]["type"] == "tmpfs"


def test_its_own_network_and_group() -> None:
    linux = config()["linux"]
    assert {"type": "network", "path": "/n"} in linux["namespaces"]
    assert linux["cgroupsPath"] == "/bosh-1/vm-1"


@pytest.mark.parametrize(
    ("limits", "unified", "expected"),
    [
        (Limits(), False, {}),
        (Limits(memory_mb=64), False, {"memory": {"limit": 67108864}}),
        (Limits(memory_mb=64), True, {"memory": {"limit": 67108864, "swap": 67108864}}),
        (Limits(cpus=1.5), False, {"cpu": {"quota": 150000, "period": 100000}}),
        (Limits(pids=9), False, {"pids": {"limit": 9}}),
    ],
)
def test_limits(limits: Limits, unified: bool, expected: dict[str, Any]) -> None:
    resources = config(limits=limits, unified_cgroups=unified)["linux"]["resources"]
    assert {key: value for key, value in resources.items() if key != "devices"} == expected


def test_devices() -> None:
    [device] = config(devices=[Device("/dev/fuse", 10, 229)])["linux"]["devices"]
    assert (device["path"], device["major"], device["minor"], device["type"]) == ("/dev/fuse", 10, 229, "c")
