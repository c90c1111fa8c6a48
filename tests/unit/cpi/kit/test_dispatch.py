from __future__ import annotations

import json
from typing import Any

import pytest
from cpi_kit.call import Call
from cpi_kit.dispatch import answer
from cpi_kit.errors import CloudFailed, NoDiskSpace, VMCreationFailed
from cpi_kit.interfaces import Cloud, DiskCid, Networks, Properties, StemcellCid, VmCid

from bosh.wire import cpi as wire


class SmallCloud(Cloud):
    """Does a little and fails in every way."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def create_vm(
        self,
        agent_id: str,
        stemcell: StemcellCid,
        cloud_properties: Properties,
        networks: Networks,
        disks: Any,
        env: Properties,
    ) -> tuple[VmCid, Networks]:
        self.call.log(f"creating for {agent_id}")
        return VmCid(f"vm-for-{agent_id}"), {**networks, "env": dict(env), "disks": {"list": list(disks)}}

    def attach_disk(self, vm: VmCid, disk: DiskCid) -> str:
        return "/dev/x"

    def delete_vm(self, vm: VmCid) -> None:
        self.call.log("about to fail")
        raise {"bug": KeyError("nobody expected"), "full": NoDiskSpace("cannot write", ok_to_retry=True)}[vm]

    def has_vm(self, vm: VmCid) -> bool:
        try:
            raise OSError("the disk said no")
        except OSError as error:
            raise VMCreationFailed("cannot look", details="in /x", resolution="Look again.") from error

    def get_disks(self, vm: VmCid) -> Any:
        return {object()}

    def current_vm_id(self) -> VmCid:
        return VmCid(str(self.call.config["name"]))


def ask(method: str, *arguments: Any, context: dict[str, Any] | None = None, version: int = 2) -> dict[str, Any]:
    request = wire.encode_request(wire.Request(method, arguments, context or {}, version))
    response: dict[str, Any] = json.loads(answer(SmallCloud, {"name": "from file", "kept": 1}, request))
    return response


def test_result_log_and_request_id() -> None:
    response = ask("create_vm", "a", "s", None, {"n": {}}, None, None, context={"request_id": "cpi-1"})
    assert response == {
        "result": ["vm-for-a", {"n": {}, "env": {}, "disks": {"list": []}}],
        "error": None,
        "log": "creating for a\n",
        "request_id": "cpi-1",
    }


def test_version_1_gets_the_shapes_of_version_1() -> None:
    assert ask("create_vm", "a", "s", {}, {"n": {}}, [], {}, version=1)["result"] == "vm-for-a"
    assert ask("attach_disk", "v", "d", version=1)["result"] is None
    assert ask("attach_disk", "v", "d", version=2)["result"] == "/dev/x"


def test_what_a_cloud_does_not_offer_is_not_implemented() -> None:
    assert ask("reboot_vm", "v")["error"]["type"] == wire.NOT_IMPLEMENTED


def test_configure_networks_is_not_supported() -> None:
    assert ask("configure_networks", "v", {})["error"]["type"] == wire.NOT_SUPPORTED


def test_a_fault_keeps_kind_and_retry() -> None:
    response = ask("delete_vm", "full")
    assert response["error"] == {"type": wire.NO_DISK_SPACE, "message": "cannot write", "ok_to_retry": True}
    assert response["log"] == "about to fail\n"


def test_a_fault_is_joined_with_its_causes() -> None:
    assert ask("has_vm", "v")["error"] == {
        "type": wire.VM_CREATION_FAILED,
        "message": "cannot look\nin /x\nLook again.: the disk said no",
        "ok_to_retry": False,
    }


def test_a_bug_becomes_a_cloud_error_with_its_origin_in_the_log() -> None:
    response = ask("delete_vm", "bug")
    assert response["error"]["type"] == wire.CLOUD_ERROR
    assert "KeyError" in response["error"]["message"]
    assert "Traceback" in response["log"]
    assert "about to fail" in response["log"]


def test_a_result_that_is_not_json_becomes_a_failure() -> None:
    assert "get_disks" in ask("get_disks", "v")["error"]["message"]


def test_properties_of_the_context_override_the_file() -> None:
    assert ask("current_vm_id")["result"] == "from file"
    assert ask("current_vm_id", context={"name": "from context", "vm": {}})["result"] == "from context"


def test_a_factory_that_refuses_its_configuration_is_answered() -> None:
    def refuse(call: Call) -> Cloud:
        raise CloudFailed("cannot use this configuration")

    response = json.loads(answer(refuse, {}, wire.encode_request(wire.Request("info", ()))))
    assert response["error"]["message"] == "cannot use this configuration"


@pytest.mark.parametrize("method", wire.METHODS)
def test_every_method_of_the_protocol_exists(method: str) -> None:
    assert callable(getattr(Cloud, method))
