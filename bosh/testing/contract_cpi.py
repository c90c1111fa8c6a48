"""What every CPI promises the director, as a test suite: ``cpi_contract(name)`` makes a pytest class for any cloud.

    @pytest.fixture
    def subject(tmp_path) -> Subject: ...

    TestMyCloud = cpi_contract("TestMyCloud")

The class asks for a fixture named ``subject``. It makes stemcells, VMs, disks, snapshots and networks, and removes them again.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bosh.wire import cpi as wire

MISSING_DISK = "disk-00000000000000000000000000000000"
MISSING_VM = "vm-00000000000000000000000000000000"


@dataclass(frozen=True)
class Environment:
    """What the cloud under test needs to hear."""

    image: Path
    networks: Sequence[Mapping[str, Mapping[str, Any]]]
    """The ``networks`` argument of each VM that lives at the same time: two of them."""
    stemcell_cloud_properties: Mapping[str, Any] = field(default_factory=dict)
    vm_cloud_properties: Mapping[str, Any] = field(default_factory=dict)
    disk_cloud_properties: Mapping[str, Any] = field(default_factory=dict)
    disk_size_mb: int = 64
    too_large_disk_mb: int | None = None
    """A size the cloud must refuse with NoDiskSpace; None where it has no end."""
    managed_network: Mapping[str, Any] | None = None
    """A ``create_network`` definition, where the cloud offers it."""


class CpiError(Exception):
    """The failure inside a response."""

    def __init__(self, failure: wire.Failure) -> None:
        super().__init__(f"{failure.kind}: {failure.message}")
        self.kind = failure.kind
        self.message = failure.message
        self.ok_to_retry = failure.ok_to_retry


class Subject:
    """A CPI under test. ``answer`` takes the bytes of one request and returns the bytes of one response."""

    def __init__(self, answer: Callable[[bytes], bytes], environment: Environment) -> None:
        self.answer = answer
        self.environment = environment
        self._numbers = itertools.count(1)

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of one call of API version 2. Raises CpiError, or wire.InvalidMessage for an answer no director accepts."""
        context = {
            "director_uuid": "contract",
            "request_id": f"cpi-{next(self._numbers)}",
            "vm": {"stemcell": {"api_version": 3}},
        }
        response = wire.decode_response(self.answer(wire.encode_request(wire.Request(method, arguments, context))))
        if response.error is not None:
            raise CpiError(response.error)
        return response.result

    def fails(self, method: str, *arguments: Any) -> CpiError:
        """The failure of a call that must fail."""
        with pytest.raises(CpiError) as caught:
            self.call(method, *arguments)
        return caught.value

    @contextmanager
    def stemcell(self) -> Iterator[str]:
        cid = self.call(
            "create_stemcell", str(self.environment.image), dict(self.environment.stemcell_cloud_properties)
        )
        try:
            yield cid
        finally:
            self.call("delete_stemcell", cid)

    @contextmanager
    def vm(self, stemcell: str, number: int = 0, disks: Sequence[str] = ()) -> Iterator[str]:
        cid, _ = self.create_vm(stemcell, number, disks)
        try:
            yield cid
        finally:
            self.call("delete_vm", cid)

    def create_vm(self, stemcell: str, number: int = 0, disks: Sequence[str] = ()) -> Any:
        networks = {name: dict(network) for name, network in self.environment.networks[number].items()}
        properties = dict(self.environment.vm_cloud_properties)
        env = {"bosh": {"group": "contract", "tags": {}}}
        return self.call("create_vm", f"agent-{number}", stemcell, properties, networks, list(disks), env)

    @contextmanager
    def disk(self, vm: str | None = None) -> Iterator[str]:
        cid = self.call("create_disk", self.environment.disk_size_mb, dict(self.environment.disk_cloud_properties), vm)
        try:
            yield cid
        finally:
            self.call("delete_disk", cid)

    @contextmanager
    def vm_and_disk(self) -> Iterator[tuple[str, str]]:
        with self.stemcell() as stemcell, self.disk() as disk, self.vm(stemcell) as vm:
            yield vm, disk


class CpiContract:
    """The promises. Subclass with a name that pytest collects."""

    # The conversation itself

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"",
            b"not json\n",
            b"[]\n",
            b"null\n",
            b"{}\n",
            b'{"method":"info"}\n',
            b'{"method":7,"arguments":[]}\n',
            b'{"method":"info","arguments":{}}\n',
            b'{"method":"info","arguments":[],"context":[1]}\n',
            b"\xff\xfe\n",
            b"[" * 100_000,
        ],
        ids=range(11),
    )
    def test_answers_garbage_with_a_valid_failure(self, subject: Subject, request_bytes: bytes) -> None:
        response = wire.decode_response(subject.answer(request_bytes))
        assert response.error is not None
        assert response.error.message

    def test_says_that_it_does_not_know_a_method_in_the_words_that_directors_recognise(self, subject: Subject) -> None:
        error = subject.fails("frobnicate", 1)
        assert (error.kind, error.message[:24]) == ("InvalidCall", "Method is not known, got")

    def test_never_lets_a_method_name_reach_anything_but_a_method(self, subject: Subject) -> None:
        assert subject.fails("__init__").kind == "InvalidCall"

    def test_names_the_argument_that_is_wrong(self, subject: Subject) -> None:
        assert "size_mb" in subject.fails("create_disk", "big", {}, None).message
        assert "vm_cid" in subject.fails("has_vm").message

    def test_answer_has_all_keys_and_a_string_log(self, subject: Subject) -> None:
        body = json.loads(subject.answer(wire.encode_request(wire.Request("info", ()))))
        assert {"result", "error", "log"} <= body.keys()
        assert isinstance(body["log"], str)

    def test_info_names_version_and_formats(self, subject: Subject) -> None:
        info = subject.call("info")
        assert info["api_version"] >= 2
        assert info["stemcell_formats"]

    # Stemcells

    def test_delete_stemcell_twice(self, subject: Subject) -> None:
        with subject.stemcell() as cid:
            assert isinstance(cid, str)
            subject.call("delete_stemcell", cid)

    def test_refuses_a_missing_image(self, subject: Subject) -> None:
        assert subject.fails("create_stemcell", "/nonexistent/image", {}).message

    # VMs

    def test_create_vm_gives_cid_and_networks_with_addresses(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell:
            cid, networks = subject.create_vm(stemcell)
            try:
                assert networks.keys() == subject.environment.networks[0].keys()
                assert all(network["ip"] for network in networks.values())
                assert subject.call("has_vm", cid) is True
            finally:
                subject.call("delete_vm", cid)
            assert subject.call("has_vm", cid) is False

    def test_two_vms_at_a_time(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.vm(stemcell, 0) as first, subject.vm(stemcell, 1) as second:
            assert first != second
            assert subject.call("has_vm", first) is subject.call("has_vm", second) is True

    def test_the_same_address_again_once_the_vm_is_gone(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell:
            for _ in range(2):
                with subject.vm(stemcell) as vm:
                    assert subject.call("has_vm", vm) is True

    def test_no_vm_without_its_stemcell(self, subject: Subject) -> None:
        with pytest.raises(CpiError):
            subject.create_vm("stemcell-00000000")

    def test_delete_vm_twice_and_of_a_stranger(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.vm(stemcell) as vm:
            assert subject.call("delete_vm", vm) is None
            assert subject.call("delete_vm", vm) is None
        assert subject.call("delete_vm", MISSING_VM) is None

    def test_has_vm_is_false_for_a_stranger(self, subject: Subject) -> None:
        assert subject.call("has_vm", MISSING_VM) is False
        assert subject.call("has_vm", "../../etc") is False

    def test_vm_metadata(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.vm(stemcell) as vm:
            assert subject.call("set_vm_metadata", vm, {"deployment": "d", "job": "j", "index": "0"}) is None
        assert subject.fails("set_vm_metadata", MISSING_VM, {}).kind == wire.VM_NOT_FOUND

    def test_reboot(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.vm(stemcell) as vm:
            assert subject.call("reboot_vm", vm) is None
            assert subject.call("has_vm", vm) is True
        assert subject.fails("reboot_vm", MISSING_VM).kind == wire.VM_NOT_FOUND

    def test_calculates_vm_cloud_properties(self, subject: Subject) -> None:
        properties = subject.call("calculate_vm_cloud_properties", {"cpu": 2, "ram": 512, "ephemeral_disk_size": 2048})
        assert isinstance(properties, dict)
        assert properties

    def test_does_not_configure_networks(self, subject: Subject) -> None:
        error = subject.fails("configure_networks", MISSING_VM, {})
        assert error.kind in {wire.NOT_SUPPORTED, wire.NOT_IMPLEMENTED}

    # Disks

    def test_disk_lives_and_dies(self, subject: Subject) -> None:
        with subject.disk() as disk:
            assert subject.call("has_disk", disk) is True
            assert subject.call("delete_disk", disk) is None
            assert subject.call("has_disk", disk) is False
            assert subject.call("delete_disk", disk) is None

    def test_has_disk_is_false_for_a_stranger(self, subject: Subject) -> None:
        assert subject.call("has_disk", MISSING_DISK) is False

    def test_disk_near_a_vm(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.vm(stemcell) as vm, subject.disk(vm) as disk:
            assert subject.call("has_disk", disk) is True
            assert subject.call("get_disks", vm) == []

    def test_vm_near_a_disk(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.disk() as disk, subject.vm(stemcell, 0, [disk]) as vm:
            assert subject.call("get_disks", vm) == []

    def test_attach_gives_a_hint_and_the_same_one_again(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            hint = subject.call("attach_disk", vm, disk)
            assert hint
            assert subject.call("attach_disk", vm, disk) == hint
            assert subject.call("get_disks", vm) == [disk]
            assert subject.call("detach_disk", vm, disk) is None
            assert subject.call("get_disks", vm) == []

    def test_attach_again_after_detach(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            for _ in range(2):
                assert subject.call("attach_disk", vm, disk)
                subject.call("detach_disk", vm, disk)

    def test_attach_of_strangers(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            assert subject.fails("attach_disk", MISSING_VM, disk).kind == wire.VM_NOT_FOUND
            assert subject.fails("attach_disk", vm, MISSING_DISK).kind == wire.DISK_NOT_FOUND

    def test_one_disk_never_on_two_vms(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk), subject.stemcell() as stemcell, subject.vm(stemcell, 1) as other:
            subject.call("attach_disk", vm, disk)
            assert disk in subject.fails("attach_disk", other, disk).message
            subject.call("detach_disk", vm, disk)

    def test_detach_of_what_is_not_attached(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            assert subject.fails("detach_disk", vm, disk).kind == wire.DISK_NOT_ATTACHED
            assert subject.fails("detach_disk", vm, MISSING_DISK).kind == wire.DISK_NOT_FOUND

    def test_an_attached_disk_is_not_deleted(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            subject.call("attach_disk", vm, disk)
            assert disk in subject.fails("delete_disk", disk).message
            assert subject.call("has_disk", disk) is True
            subject.call("detach_disk", vm, disk)

    def test_a_disk_survives_its_vm_and_is_free_then(self, subject: Subject) -> None:
        with subject.stemcell() as stemcell, subject.disk() as disk:
            with subject.vm(stemcell) as vm:
                subject.call("attach_disk", vm, disk)
            assert subject.call("has_disk", disk) is True
            assert subject.fails("detach_disk", vm, disk).kind == wire.DISK_NOT_ATTACHED
            with subject.vm(stemcell, 1) as other:
                assert subject.call("attach_disk", other, disk)
                subject.call("detach_disk", other, disk)

    def test_disks_grow_and_never_shrink(self, subject: Subject) -> None:
        size_mb = subject.environment.disk_size_mb
        with subject.disk() as disk:
            assert subject.call("resize_disk", disk, size_mb * 2) is None
            assert subject.fails("resize_disk", disk, size_mb).kind == wire.NOT_SUPPORTED
        assert subject.fails("resize_disk", MISSING_DISK, size_mb).kind == wire.DISK_NOT_FOUND

    def test_an_attached_disk_grows(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            hint = subject.call("attach_disk", vm, disk)
            subject.call("resize_disk", disk, subject.environment.disk_size_mb * 2)
            assert subject.call("attach_disk", vm, disk) == hint
            subject.call("detach_disk", vm, disk)

    def test_update_disk(self, subject: Subject) -> None:
        properties = dict(subject.environment.disk_cloud_properties)
        with subject.disk() as disk:
            assert subject.call("update_disk", disk, subject.environment.disk_size_mb * 2, properties) in {None, disk}
        error = subject.fails("update_disk", MISSING_DISK, subject.environment.disk_size_mb, properties)
        assert error.kind == wire.DISK_NOT_FOUND

    def test_disk_metadata(self, subject: Subject) -> None:
        with subject.disk() as disk:
            assert subject.call("set_disk_metadata", disk, {"instance": "x/0"}) is None
        assert subject.fails("set_disk_metadata", MISSING_DISK, {}).kind == wire.DISK_NOT_FOUND

    def test_get_disks_of_a_stranger(self, subject: Subject) -> None:
        assert subject.fails("get_disks", MISSING_VM).kind == wire.VM_NOT_FOUND

    def test_too_large_a_disk(self, subject: Subject) -> None:
        size_mb = subject.environment.too_large_disk_mb
        if size_mb is None:
            pytest.skip("this cloud's space has no end")
        assert subject.fails("create_disk", size_mb, {}, None).kind == wire.NO_DISK_SPACE

    # Snapshots

    def test_snapshots(self, subject: Subject) -> None:
        with subject.vm_and_disk() as (vm, disk):
            subject.call("attach_disk", vm, disk)
            snapshot = subject.call("snapshot_disk", disk, {"agent_id": "agent-0"})
            assert isinstance(snapshot, str)
            assert subject.call("delete_snapshot", snapshot) is None
            assert subject.call("delete_snapshot", snapshot) is None
            subject.call("detach_disk", vm, disk)

    def test_snapshot_of_a_stranger(self, subject: Subject) -> None:
        assert subject.fails("snapshot_disk", MISSING_DISK, {}).kind == wire.DISK_NOT_FOUND

    # Networks

    def test_managed_network(self, subject: Subject) -> None:
        definition = subject.environment.managed_network
        if definition is None:
            pytest.skip("this cloud makes no networks")
        cid, address, cloud_properties = subject.call("create_network", dict(definition))
        try:
            assert isinstance(cid, str)
            assert address.keys() >= {"range", "gateway", "reserved"}
            assert isinstance(cloud_properties, dict)
        finally:
            subject.call("delete_network", cid)
        assert subject.call("delete_network", cid) is None


def cpi_contract(name: str) -> type[CpiContract]:
    """A test class of this name, for a module that defines a ``subject`` fixture."""
    return type(name, (CpiContract,), {"__doc__": CpiContract.__doc__})
