"""The director's sequence against a real agent process over a real bus (reference: fresh VM with jobs)."""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from bosh.wire import subjects

from .conftest import AgentProcess, BlobDirectory, Bus, Caller, Listener

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCRIPT = "#!/bin/bash\n"


def exists(path: str) -> bool:
    return Path(path).exists()


def spec_of(blobs: BlobDirectory, *, version: str = "1", message: str = "hello") -> dict[str, Any]:
    """A spec as the director sends: one job with every hook, one package."""
    hooks = {
        f"web/bin/{name}": SCRIPT + f'echo {name} {message} "$BOSH_VM_NEXT_STATE" $PATH\n'
        for name in ("pre-start", "post-start", "post-deploy", "pre-stop", "post-stop")
    }
    files = {
        **hooks,
        "web/monit": "check process web\n",
        "web/config/web.json": "{}",
        "web/bin/run": SCRIPT + "echo out; echo err >&2; exit 3\n",
        "web/bin/drain": SCRIPT
        + 'echo "$@" "$BOSH_JOB_STATE" >> $(dirname $0)/../../../drained\n[ $1 = job_check_status ] && echo 0 || echo -1\n',
    }
    rendered = blobs.add(files)
    return {
        "deployment": "dep",
        "name": "web",
        "id": "instance-id",
        "az": "z1",
        "index": 0,
        "job": {"name": "web", "template": "web", "templates": [{"name": "web", "version": version}]},
        "packages": {"lib": {"name": "lib", "version": f"{version}.1", **blobs.add({"lib.txt": f"lib {version}"})}},
        "configuration_hash": f"hash-{version}",
        "networks": {"default": {"ip": "10.0.0.5", "type": "manual"}},
        "persistent_disk": 0,
        "rendered_templates_archive": rendered,
        "unknown_field": {"kept": True},
    }


async def test_ping_info_and_unknown(director: Caller) -> None:
    assert await director.call("ping") == "pong"
    assert await director.call("info") == {"api_version": 1}
    assert (await director.ask("fly")).exception == "unknown message fly"


async def test_state_before_the_first_apply(director: Caller, agent: AgentProcess) -> None:
    state = await director.call("get_state", "full")
    assert state["agent_id"] == agent.agent_id
    assert state["vm"] == {"name": "vm-1"}
    assert state["job_state"] == "running"
    assert state["vitals"]["mem"] == {"kb": "1024", "percent": "10"}
    assert [process["name"] for process in state["processes"]] == ["process-1", "process-2", "process-3"]
    assert "vitals" not in await director.call("get_state")


async def test_a_fresh_vm_takes_jobs_and_gives_them_up(
    director: Caller, agent: AgentProcess, blobs: BlobDirectory
) -> None:
    spec = spec_of(blobs)
    before = {key: value for key, value in spec.items() if key not in {"rendered_templates_archive"}}
    assert await director.call("apply", {**before, "configuration_hash": ""}) == "applied"
    assert not (agent.base / "jobs/web").exists()

    assert await director.call("prepare", spec) == "prepared"
    assert await director.call("run_script", "pre-stop", {"env": {"BOSH_VM_NEXT_STATE": "keep"}}) == {}
    assert await director.call("drain", "shutdown", spec) == 0
    assert await director.call("stop") == "stopped"
    assert (await director.call("get_state"))["job_state"] == "stopped"

    assert await director.call("apply", spec) == "applied"
    assert await director.call("run_script", "pre-start", {}) == {}
    assert await director.call("start") == "started"
    state = await director.call("get_state")
    assert state["job_state"] == "running"
    assert state["unknown_field"] == {"kept": True}
    assert state["networks"] == spec["networks"]

    job = agent.base / "jobs/web"
    assert job.is_symlink()
    assert (job / "bin/run").stat().st_mode & 0o777 == 0o750
    assert (job / "config/web.json").stat().st_mode & 0o777 == 0o640
    assert (job / "packages/lib/lib.txt").read_text() == "lib 1"
    assert (agent.base / "packages/lib/lib.txt").read_text() == "lib 1"
    log = (agent.base / "sys/log/web/pre-start.stdout.log").read_text()
    assert log == "pre-start hello  /usr/sbin:/usr/bin:/sbin:/bin\n"
    assert (agent.base / "instance/deployment").read_text() == "dep"
    assert json.loads((agent.base / "instance/health.json").read_text()) == {"state": "running"}

    assert await director.call("drain", "update", spec_of(blobs, version="2")) == 0
    told = (agent.base / "data/jobs/drained").read_text().splitlines()
    assert told == [
        'job_changed hash_changed lib {"persistent_disk":0}',
        'job_check_status hash_unchanged {"persistent_disk":0}',
    ]


async def test_the_previous_version_stays_and_older_ones_go(
    director: Caller, agent: AgentProcess, blobs: BlobDirectory
) -> None:
    for version in ("1", "2", "3"):
        assert await director.call("apply", spec_of(blobs, version=version)) == "applied"
    assert (agent.base / "packages/lib/lib.txt").read_text() == "lib 3"
    kept = sorted((path / "lib.txt").read_text() for path in (agent.base / "data/packages/lib").iterdir())
    assert kept == ["lib 2", "lib 3"]
    assert len(list((agent.base / "data/jobs/web").iterdir())) == 2


async def test_a_wrong_digest_is_refused(director: Caller, blobs: BlobDirectory) -> None:
    spec = spec_of(blobs)
    spec["packages"]["lib"]["sha1"] = "0" * 40
    with pytest.raises(AssertionError, match="expected digest 0000"):
        await director.call("apply", spec)


async def test_failing_hooks_name_the_jobs(director: Caller, blobs: BlobDirectory) -> None:
    spec = spec_of(blobs)
    files = {"a/bin/pre-start": SCRIPT + "exit 1\n", "b/bin/pre-start": SCRIPT + "exit 0\n"}
    spec["job"]["templates"] = [{"name": "a", "version": "1"}, {"name": "b", "version": "1"}]
    spec["rendered_templates_archive"] = blobs.add(files, dotted=True)
    await director.call("apply", spec)
    with pytest.raises(
        AssertionError, match=r"1 of 2 pre-start scripts failed\. Failed Jobs: a\. Successful Jobs: b\."
    ):
        await director.call("run_script", "pre-start", {})


async def test_errand_and_its_cancellation(director: Caller, blobs: BlobDirectory) -> None:
    spec = spec_of(blobs)
    await director.call("apply", spec)
    assert await director.call("run_errand", "web") == {"stdout": "out\n", "stderr": "err\n", "exit_code": 3}

    slow = {"web/bin/run": SCRIPT + "echo begun; sleep 60 & wait\n"}
    spec["rendered_templates_archive"] = blobs.add(slow)
    await director.call("apply", spec)
    task = (await director.ask("run_errand")).value["agent_task_id"]
    begun = time.monotonic()
    assert (await director.ask("cancel_task", task)).value == "canceled"
    result = await director.wait(task)
    assert result["exit_code"] == 128 + 15
    assert time.monotonic() - begun < 10


async def test_compilation(director: Caller, agent: AgentProcess, blobs: BlobDirectory) -> None:
    dependency = blobs.add({"tool": "a tool"})
    packaging = "set -e\ncat $(dirname ${BOSH_INSTALL_TARGET})/dep/tool in > ${BOSH_INSTALL_TARGET}/out\n"
    source = blobs.add({"packaging": packaging, "in": "source\n"})
    deps = {"dep": {"name": "dep", "version": "1.1", **dependency}}
    result = await director.call("compile_package", source["blobstore_id"], source["sha1"], "pkg", "1.1", deps)
    compiled = blobs.path / result["result"]["blobstore_id"]
    with tarfile.open(fileobj=io.BytesIO(compiled.read_bytes())) as archive:
        out = archive.extractfile("./out")
        assert out is not None
        assert out.read() == b"a toolsource\n"
    assert result["result"]["sha1"].split(";")[1].startswith("sha512:")
    assert not list((agent.base / "packages").iterdir())

    broken = blobs.add({"packaging": "echo doomed\nexit 7\n"})
    with pytest.raises(AssertionError, match=r"(?s)Compiling package pkg.*exited with 7.*doomed"):
        await director.call("compile_package", broken["blobstore_id"], broken["sha1"], "pkg", "1.1", {})


async def test_logs(director: Caller, agent: AgentProcess, blobs: BlobDirectory) -> None:
    logs = agent.base / "sys/log/web"
    logs.mkdir()
    (logs / "a.log").write_text("aaa")
    (logs / "b.txt").write_text("bbb")
    fetched = await director.call("fetch_logs", "job", ["**/*.log"])
    with tarfile.open(blobs.path / fetched["blobstore_id"]) as archive:
        assert archive.getnames() == ["./web/a.log"]
    bundled = await director.call("bundle_logs", {"owning_user": "", "log_type": "job", "filters": []})
    assert exists(bundled["logs_tar_path"])
    await director.call("remove_file", bundled["logs_tar_path"])
    assert not exists(bundled["logs_tar_path"])
    assert "Invalid log type" in str((await director.ask("bundle_logs", {"log_type": "x"})).exception)


async def test_names(director: Caller, agent: AgentProcess, blobs: BlobDirectory) -> None:
    import hashlib

    content = json.dumps({"version": 3, "records": [["10.0.0.9", "a.bosh"]]}).encode()
    (blobs.path / "dns").write_bytes(content)
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    assert await director.call("sync_dns", "dns", digest, 3) == "synced"
    assert "10.0.0.9 a.bosh\n" in (agent.base / "root/etc/hosts").read_text()
    assert json.loads((agent.base / "instance/dns/records.json").read_text())["version"] == 3
    assert await director.call("sync_dns", "gone", digest, 2) == "synced"
    assert "does not match" in str((await director.ask("sync_dns", "dns", digest, 4)).exception)


async def test_ssh(director: Caller) -> None:
    answer = await director.call("ssh", "setup", {"user": "bosh_x1", "public_key": "ssh-rsa A"})
    assert answer["ip"] == "10.0.0.5"
    assert answer["host_public_key"].startswith("ssh-rsa")
    cleaned = await director.call("ssh", "cleanup", {"user_regex": "^bosh_x1"})
    assert cleaned == {"command": "cleanup", "status": "success"}


async def test_a_new_certificate_is_taken_into_use(director: Caller, agent: AgentProcess, bus: Bus) -> None:
    certificate, key = bus.authority.issue(subjects.agent_common_name(agent.agent_id))
    pair = {"ca": bus.authority.pem, "certificate": certificate, "private_key": key}
    update = {"trusted_certs": "", "disk_associations": [], "mbus": {"urls": [bus.url], "cert": pair}}
    assert await director.call("update_settings", update) == "ok"
    assert await director.call("ping") == "pong"
    assert await director.call("update_settings", update) == "ok"
    assert agent.log.count("changed to another bus connection") == 1
    assert await director.call("ping") == "pong"


async def test_heartbeats_alerts_and_shutdown(director: Caller, agent: AgentProcess, bus: Bus) -> None:
    wanted = ["hm.agent.heartbeat.*", "hm.agent.alert.*", "hm.agent.shutdown.*"]
    async with Listener(bus, subjects.HEALTH_MONITOR_COMMON_NAME, wanted) as monitor:
        beat = json.loads((await monitor.message(subjects.heartbeat(agent.agent_id))).payload)
        assert beat["job_state"] == "running"
        assert beat["number_of_processes"] == 3
        assert set(beat) == {"deployment", "job", "index", "job_state", "vitals", "node_id", "number_of_processes"}
        await director.call("drain", "shutdown")
        assert (await monitor.message(subjects.shutdown(agent.agent_id))).payload == b"null"


async def test_the_bus_may_go_and_come(director: Caller, agent: AgentProcess, bus: Bus) -> None:
    del director
    bus.stop()
    bus.start()
    async with Listener(bus, subjects.DIRECTOR_COMMON_NAME, ["director.>"]) as listener:
        await Caller(listener, agent.agent_id).until_pong()


async def test_an_agent_waits_until_the_bus_knows_it(bus: Bus, blobs: BlobDirectory, tmp_path: Path) -> None:
    early = AgentProcess(tmp_path / "early", bus, "early-bird", blobs.path)
    early.directory.mkdir()
    early.start()
    try:
        async with Listener(bus, subjects.DIRECTOR_COMMON_NAME, ["director.>"]) as listener:
            caller = Caller(listener, "early-bird")
            for _ in range(100):
                if early.directory.joinpath("agent.log").exists() and "refuses" in early.log:
                    break
                with pytest.raises(TimeoutError):
                    await caller.ask("ping", timeout_s=0.1)
            assert "refuses: Authorization Violation" in early.log
            bus.add_agent("early-bird")
            await caller.until_pong()
    finally:
        assert early.stop() == 0
