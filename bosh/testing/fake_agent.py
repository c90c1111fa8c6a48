"""One agent without a machine: the real protocol, its effects kept in memory.

``FakeAgent`` answers requests; ``bosh.testing.fake_agents`` offers many of them through the ``Agents`` contract without a bus, and
``bosh.testing.fake_bus`` puts them on a real NATS bus. Run as a program it simulates the agents of all VMs of a fake cloud:

    python -m bosh.testing.fake_agent --cloud DIR [--blobs DIR]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bosh.system.clock import Clock
from bosh.system.ids import Ids
from bosh.wire import digest
from bosh.wire.agent_settings import Settings

TERMINATED = 143
"""Exit code of a script that SIGTERM ended."""

SYNCHRONOUS = frozenset(
    {
        "ping",
        "info",
        "get_task",
        "cancel_task",
        "get_state",
        "ssh",
        "bundle_logs",
        "remove_file",
        "shutdown",
        "start",
        "delete_arp_entries",
        "sync_dns",
        "sync_dns_with_signed_url",
        "remove_dynamic_disk",
    }
)
"""Methods answered at once (reference: agent methods); all others answer with an agent task first."""


class AgentFailure(Exception):
    """What the agent answers as ``exception.message``."""


@dataclass
class Behaviour:
    """How an agent misbehaves; may be changed while it lives."""

    unresponsive: bool = False
    """Never answers."""
    failing: bool = False
    """Its processes never get to run: ``job_state`` is ``failing`` after ``start``."""
    action_s: float = 0.0
    """How long an asynchronous action takes."""
    failing_scripts: frozenset[str] = frozenset()
    """Names of scripts that fail in every job, such as ``pre-start``."""
    failing_methods: frozenset[str] = frozenset()
    drain_s: tuple[int, ...] = (0,)
    """What ``drain`` answers, call after call; the last one for ever."""
    errand: tuple[int, str, str] = (0, "done\n", "")
    """Exit code, stdout and stderr of errands."""


@dataclass
class _Action:
    """An asynchronous action: its outcome is known at once and told when its time is over."""

    done_at_s: float
    value: Any = None
    failure: str = ""
    method: str = ""


@dataclass
class FakeAgent:
    """The agent of one VM.

    Args:
        settings: as its CPI wrote them.
        store_blob: keeps bytes in the blobstore and returns blob id and digest text; without it ids are invented.
    """

    settings: Settings
    clock: Clock
    ids: Ids
    behaviour: Behaviour = field(default_factory=Behaviour)
    store_blob: Callable[[bytes], tuple[str, str]] | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    job_state: str = "running"
    mounted: list[str] = field(default_factory=list)
    disk_hints: dict[str, Any] = field(default_factory=dict)
    certs: str = ""
    uploaded: dict[str, str] = field(default_factory=dict)
    dns_version: int = -1
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    _actions: dict[str, _Action] = field(default_factory=dict)
    _drains: int = 0

    @property
    def id(self) -> str:
        return self.settings.agent_id

    def handle(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """Answer one request. Raises AgentFailure, whose text is the exception the director gets."""
        if method != "get_task":
            self.calls.append((method, arguments))
        action = getattr(self, f"_do_{method}", None)
        if action is None:
            raise AgentFailure(f"unknown message {method}")
        if method in SYNCHRONOUS:
            self._maybe_fail(method)
            return action(*arguments)
        return self._begin(method, lambda: action(*arguments))

    def run_to_end(self, method: str, arguments: tuple[Any, ...]) -> Any:
        """Answer a request with its final value, without an agent task between."""
        value = self.handle(method, arguments)
        if method in SYNCHRONOUS:
            return value
        action = self._actions.pop(value["agent_task_id"])
        if action.failure:
            raise AgentFailure(action.failure)
        return action.value

    def heartbeat(self) -> dict[str, Any]:
        """Body of ``hm.agent.heartbeat.<id>`` (bosh-agent: agent/heartbeat.go)."""
        return {
            "deployment": self.spec.get("deployment", ""),
            "job": self.spec.get("name"),
            "index": self.spec.get("index"),
            "job_state": self.job_state,
            "vitals": self._vitals(),
            "node_id": self.spec.get("id", ""),
            "number_of_processes": len(self._job_names()),
        }

    def _maybe_fail(self, method: str) -> None:
        if method in self.behaviour.failing_methods:
            raise AgentFailure(f"Action Failed: {method} was told to fail")

    def _begin(self, method: str, work: Callable[[], Any]) -> dict[str, str]:
        task_id = self.ids.uuid()
        action = _Action(self.clock.monotonic_s() + self.behaviour.action_s, method=method)
        try:
            self._maybe_fail(method)
            action.value = work()
        except AgentFailure as error:
            action.failure = f"Action Failed {task_id}: {error}"
        self._actions[task_id] = action
        return {"agent_task_id": task_id, "state": "running"}

    def _job_names(self) -> list[str]:
        job = self.spec.get("job") or {}
        return [template["name"] for template in job.get("templates") or []]

    def _vitals(self) -> dict[str, Any]:
        share = {"percent": "10", "inode_percent": "5"}
        disks = {"system": share, "ephemeral": share, **({"persistent": share} if self.mounted else {})}
        return {
            "cpu": {"sys": "1.0", "user": "2.0", "wait": "0.0"},
            "disk": disks,
            "load": ["0.01", "0.02", "0.03"],
            "mem": {"kb": "100000", "percent": "10"},
            "swap": {"kb": "0", "percent": "0"},
            "uptime": {"secs": int(self.clock.monotonic_s())},
        }

    # --- one method for each request ------------------------------------------------------------------------------------------------

    def _do_ping(self) -> str:
        return "pong"

    def _do_info(self) -> dict[str, int]:
        return {"api_version": 1}

    def _do_get_task(self, task_id: str) -> Any:
        action = self._actions.get(task_id)
        if action is None:
            raise AgentFailure(f"Task with id {task_id} could not be found")
        if self.clock.monotonic_s() < action.done_at_s:
            return {"agent_task_id": task_id, "state": "running"}
        del self._actions[task_id]
        if action.failure:
            raise AgentFailure(action.failure)
        return action.value

    def _do_cancel_task(self, task_id: str) -> str:
        action = self._actions.get(task_id)
        if action is not None and action.method == "run_errand":
            # Its script ends, and says so (bosh-agent: agent/action/run_errand.go).
            action.done_at_s = self.clock.monotonic_s()
            action.value = {**action.value, "exit_code": TERMINATED}
        else:
            self._actions.pop(task_id, None)
        return "canceled"

    def _do_get_state(self, kind: str = "") -> dict[str, Any]:
        state = {"properties": {}, "job": {}, "packages": {}, "networks": {}, **self.spec}
        if not state["networks"]:
            state["networks"] = {name: dict(network) for name, network in self.settings.networks.items()}
        processes = [self._process(name) for name in self._job_names()]
        state |= {
            "agent_id": self.id,
            "vm": {"name": self.settings.vm_name},
            "job_state": self.job_state,
            "processes": processes,
        }
        return {**state, "vitals": self._vitals()} if kind == "full" else state

    def _process(self, name: str) -> dict[str, Any]:
        state = {"running": "running", "failing": "failing"}.get(self.job_state, "stopped")
        return {
            "name": name,
            "state": state,
            "uptime": {"secs": 10},
            "mem": {"kb": 1000, "percent": 0.1},
            "cpu": {"total": 0.5},
        }

    def _do_update_settings(self, settings: Mapping[str, Any]) -> str:
        self.certs = settings.get("trusted_certs") or ""
        return "ok"

    def _do_prepare(self, _spec: Mapping[str, Any]) -> str:
        return "prepared"

    def _do_apply(self, spec: Mapping[str, Any]) -> str:
        if "configuration_hash" in spec and not spec.get("rendered_templates_archive"):
            raise AgentFailure("Applying: rendered_templates_archive is missing")
        self.spec = json.loads(json.dumps(spec))
        for name, network in (self.spec.get("networks") or {}).items():
            if network.get("type") == "dynamic":  # bosh-agent: applyspec/concrete_v1_service.go, PopulateDHCPNetworks
                mine = self.settings.networks.get(name) or {}
                network |= {key: mine[key] for key in ("ip", "netmask", "gateway") if mine.get(key)}
        return "applied"

    def _do_start(self) -> str:
        self.job_state = "failing" if self.behaviour.failing else "running"
        return "started"

    def _do_stop(self) -> str:
        self.job_state = "stopped"
        return "stopped"

    def _do_drain(self, _kind: str, _spec: Mapping[str, Any] | None = None) -> int:
        answers = self.behaviour.drain_s
        answer = answers[min(self._drains, len(answers) - 1)]
        self._drains += 1
        return answer

    def _do_run_script(self, name: str, _options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if name in self.behaviour.failing_scripts and self._job_names():
            jobs = ", ".join(self._job_names())
            count = len(self._job_names())
            raise AgentFailure(f"{count} of {count} {name} scripts failed. Failed Jobs: {jobs}.")
        return {}

    def _do_run_errand(self, *_name: str) -> dict[str, Any]:
        code, stdout, stderr = self.behaviour.errand
        return {"stdout": stdout, "stderr": stderr, "exit_code": code}

    def _do_compile_package(
        self, _blob_id: str, _digest: str, name: str, version: str, _dependencies: Mapping[str, Any]
    ) -> dict[str, Any]:
        content = f"compiled {name} {version}".encode()
        if self.store_blob is None:
            blob_id, digest_text = self.ids.uuid(), digest.of_bytes(content)
        else:
            blob_id, digest_text = self.store_blob(content)
        return {"result": {"blobstore_id": blob_id, "sha1": digest_text}}

    def _do_compile_package_with_signed_url(self, request: Mapping[str, Any]) -> dict[str, Any]:
        content = f"compiled {request['name']} {request['version']}".encode()
        return {"result": {"sha1": digest.of_bytes(content)}}

    def _do_upload_blob(self, blob: Mapping[str, Any]) -> str:
        self.uploaded[blob["blob_id"]] = blob["payload"]
        return str(blob["blob_id"])

    def _do_list_disk(self) -> list[str]:
        return list(self.mounted)

    def _do_mount_disk(self, cid: str) -> dict[str, Any]:
        if cid not in self.disk_hints:
            raise AgentFailure(f"Getting disk settings: Persistent disk with volume id '{cid}' could not be found")
        if cid not in self.mounted:
            self.mounted.append(cid)
        return {}

    def _do_unmount_disk(self, cid: str) -> dict[str, str]:
        if cid in self.mounted:
            self.mounted.remove(cid)
            return {"message": f"Unmounted partition of {cid}"}
        return {"message": f"Partition of {cid} is not mounted"}

    def _do_migrate_disk(self, *_cids: str) -> dict[str, Any]:
        return {}

    def _do_add_persistent_disk(self, cid: str, hint: Any) -> str:
        self.disk_hints[cid] = hint
        return "updated_persistent_disk_settings"

    def _do_remove_persistent_disk(self, cid: str) -> str:
        self.disk_hints.pop(cid, None)
        return "removed_persistent_disk_settings"

    def _do_add_dynamic_disk(self, cid: str, hint: Any) -> str:
        self.disk_hints[cid] = hint
        return "ok"

    def _do_remove_dynamic_disk(self, cid: str) -> str:
        self.disk_hints.pop(cid, None)
        return "ok"

    def _do_delete_arp_entries(self, _entries: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _do_sync_dns(self, _blob_id: str, _digest: str, version: int) -> str:
        self.dns_version = max(self.dns_version, version)
        return "synced"

    def _do_sync_dns_with_signed_url(self, request: Mapping[str, Any]) -> str:
        self.dns_version = max(self.dns_version, int(request["version"]))
        return "synced"

    def _do_ssh(self, command: str, _parameters: Mapping[str, Any]) -> dict[str, Any]:
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake"
        return {"command": command, "status": "success", "ip": self._ip(), "host_public_key": key}

    def _ip(self) -> str:
        return next((str(network["ip"]) for network in self.settings.networks.values() if network.get("ip")), "")

    def _do_bundle_logs(self, _request: Mapping[str, Any]) -> dict[str, str]:
        return {"logs_tar_path": "/tmp/logs.tgz", "sha512": digest.of_bytes(b"logs", "sha512")}

    def _do_fetch_logs(self, _kinds: str, _filters: list[str]) -> dict[str, str]:
        if self.store_blob is None:
            return {"blobstore_id": self.ids.uuid(), "sha1": digest.of_bytes(b"logs")}
        blob_id, digest_text = self.store_blob(b"logs")
        return {"blobstore_id": blob_id, "sha1": digest_text}

    def _do_remove_file(self, _path: str) -> str:
        return "removed"

    def _do_shutdown(self) -> str:
        self.behaviour.unresponsive = True
        return "shutdown"


if __name__ == "__main__":
    from bosh.testing.fake_bus import main

    raise SystemExit(main())
