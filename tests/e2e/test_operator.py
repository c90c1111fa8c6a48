"""What an operator does with a running deployment, with our own command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from bosh.testing.environment import LocalEnvironment, wait_until


def nodes(environment: LocalEnvironment) -> dict[str, str]:
    """Instance name → its address."""
    return {row["instance"]: row["ips"] for row in environment.rows("-d", "nats", "vms")}


def on(environment: LocalEnvironment, instance: str, command: str) -> str:
    """A command's output on one instance."""
    (row,) = environment.rows("-d", "nats", "ssh", instance, "-r", "-c", command)
    return row["stdout"].strip()


def test_up_ends_with_three_nodes_in_three_zones(environment):
    rows = environment.rows("-d", "nats", "vms")
    assert sorted(row["az"] for row in rows) == ["z1", "z2", "z3"]
    assert {row["process_state"] for row in rows} == {"running"}


def test_up_again_changes_nothing(environment):
    before = environment.vms()
    environment.must("up", timeout_s=600)
    assert [vm["cid"] for vm in environment.vms()] == [vm["cid"] for vm in before]


def test_a_deploy_that_changes_nothing_touches_nothing(environment, manifest):
    out = environment.must("-d", "nats", "deploy", str(manifest))
    assert "Updating instance" not in out
    assert "Creating missing vms" not in out


def test_processes_and_vitals_are_shown(environment):
    rows = environment.rows("-d", "nats", "instances", "--ps", "--vitals")
    assert {row["process_state"] for row in rows if row["process"] == "nats"} == {"running"}
    vitals = [row["memory_usage"] for row in rows if row["process"] == "" and row["instance"].startswith("nats/")]
    assert all("%" in text for text in vitals)


def test_the_addon_is_on_every_vm(environment):
    assert "managed by BOSH" in on(environment, "nats/0", "cat /etc/motd")


def test_the_cluster_is_one(environment):
    """Through the pinned errand: publishes and subscribes through every node."""
    out = environment.must("-d", "nats", "run-errand", "smoke-tests", timeout_s=300)
    assert "Exit Code\t0" in out or "\n0\t" in out


def test_logs_come_as_a_bundle(environment, tmp_path):
    environment.must("-d", "nats", "logs", "nats/0", "--dir", str(tmp_path))
    (bundle,) = tmp_path.glob("*.tgz")
    with tarfile.open(bundle) as archive:
        assert any(name.startswith("./nats/") for name in archive.getnames())


def test_recreate_keeps_address_and_disk(environment):
    before = nodes(environment)
    on(environment, "nats/1", "sudo sh -c 'echo kept > /var/vcap/store/mark; sync'")
    old = {vm["cid"] for vm in environment.vms()}
    environment.must("-d", "nats", "recreate", "nats/1")
    assert nodes(environment) == before
    assert len(old - {vm["cid"] for vm in environment.vms()}) == 1
    assert on(environment, "nats/1", "cat /var/vcap/store/mark") == "kept"


def test_stop_and_start(environment):
    environment.must("-d", "nats", "stop", "nats/2")
    (row,) = [
        row
        for row in environment.rows("-d", "nats", "instances", "--details")
        if row["index"] == "2" and row["instance"].startswith("nats/")
    ]
    assert (row["state"], row["process_state"]) == ("stopped", "stopped")
    environment.must("-d", "nats", "start", "nats/2")


def test_stop_hard_gives_the_vm_back_and_keeps_the_disk(environment):
    on(environment, "nats/2", "sudo sh -c 'echo kept > /var/vcap/store/hard; sync'")
    before = nodes(environment)
    environment.must("-d", "nats", "stop", "nats/2", "--hard")
    assert len(environment.vms()) == 2
    environment.must("-d", "nats", "start", "nats/2")
    assert nodes(environment) == before
    assert on(environment, "nats/2", "cat /var/vcap/store/hard") == "kept"


def test_a_lost_vm_is_back_by_itself_with_its_address_and_its_disk(environment):
    before = nodes(environment)
    on(environment, "nats/0", "sudo sh -c 'echo kept > /var/vcap/store/lost; sync'")
    name = next(
        row["instance"]
        for row in environment.rows("-d", "nats", "instances", "--details")
        if row["index"] == "0" and row["instance"].startswith("nats/")
    )
    (victim,) = [vm for vm in environment.vms() if vm["metadata"]["name"] == name]
    os.kill(victim["pid"], signal.SIGKILL)

    def back() -> bool:
        states = {row["instance"]: row["process_state"] for row in environment.rows("-d", "nats", "vms")}
        return states.get(name) == "running" and victim["cid"] not in {vm["cid"] for vm in environment.vms()}

    wait_until(back, within_s=90, what=f"{name} runs again")
    assert nodes(environment) == before
    assert on(environment, "nats/0", "cat /var/vcap/store/lost") == "kept"
    wait_until(lambda: environment.rows("locks") == [], within_s=30, what="the repair ends")


def test_a_dry_run_prints_the_plan_and_writes_nothing(environment, manifest):
    wanted = yaml.safe_load(manifest.read_text())
    wanted["instance_groups"][0]["vm_type"] = "default"
    manifest.write_text(yaml.safe_dump(wanted))
    database = environment.root / "director/director.db"
    events = environment.rows("events")
    out = environment.must("-d", "nats", "deploy", "--dry-run", str(manifest))
    assert "recreate" in out
    assert "512" in out
    assert "1024" in out
    assert environment.rows("events") == events
    assert database.exists()
    assert len(environment.vms()) == 3


def test_scaling_up_and_down(environment, manifest):
    wanted = yaml.safe_load(manifest.read_text())
    group = wanted["instance_groups"][0]
    address = group["networks"][0]["static_ips"][0].split(" - ")[0]
    prefix = address.rsplit(".", 1)[0]
    group["instances"], group["networks"][0]["static_ips"] = 4, [f"{prefix}.21 - {prefix}.24"]
    more = manifest.with_name("more.yml")
    more.write_text(yaml.safe_dump(wanted))
    environment.must("-d", "nats", "deploy", str(more))
    assert len(environment.vms()) == 4
    environment.must("-d", "nats", "deploy", str(manifest))
    assert len(environment.vms()) == 3
    (orphan, *_) = environment.rows("disks", "--orphaned")
    environment.must("delete-disk", orphan["disk_cid"])


def test_events_tell_who_did_what(environment):
    actions = {(row["action"], row["object_type"]) for row in environment.rows("events", "-d", "nats")}
    assert actions & {("create", "deployment"), ("update", "deployment")}


def test_configs_have_versions(environment, tmp_path):
    path = tmp_path / "any.yml"
    path.write_text("a: 1\n")
    environment.must("update-config", str(path), "--type", "any", "--name", "x")
    path.write_text("a: 2\n")
    out = environment.run("update-config", str(path), "--type", "any", "--name", "x", "--tty").text
    assert "+ a: 2" in out
    assert "- a: 1" in out
    environment.must("delete-config", "--type", "any", "--name", "x")


def test_json_is_for_machines(environment):
    body = json.loads(environment.must("stemcells", "--json"))
    assert body["Tables"][0]["Rows"][0]["os"] == "debian-bookworm"


def test_two_deploys_at_once_wait_or_name_the_holder(environment, manifest):
    first = environment.start("-d", "nats", "restart", "nats/0")
    try:
        wait_until(lambda: bool(environment.rows("locks")), within_s=30, what="the first deploy holds its lock")
        second = environment.run("-d", "nats", "deploy", str(manifest))
        # The first may end within the ten seconds that the second waits.
        assert second.code == 0 or "Failed to acquire lock for lock:deployment:nats" in second.text
    finally:
        out, _ = first.communicate(timeout=120)
    assert first.returncode == 0, out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("instance_groups: [", ["nats.yml:3:1:", "flow node"]),
        ({"instance_groups": [{"name": "a", "instanses": 1}]}, ['did you mean "instances"']),
        ({"stemcells": [{"alias": "default", "os": "nope", "version": "latest"}]}, ["nope"]),
        ({"releases": [{"name": "nope", "version": "latest"}]}, ["nope"]),
    ],
    ids=["malformed", "unknown key", "unknown stemcell", "unknown release"],
)
def test_a_bad_manifest_gets_a_clear_error_and_changes_nothing(environment, manifest, change, words):
    cids = [vm["cid"] for vm in environment.vms()]
    if isinstance(change, str):
        manifest.write_text(f"name: nats\n{change}\n")
    else:
        manifest.write_text(yaml.safe_dump(yaml.safe_load(manifest.read_text()) | change))
    ended = environment.run("-d", "nats", "deploy", str(manifest))
    assert ended.code == 1
    for word in words:
        assert word in ended.text
    assert [vm["cid"] for vm in environment.vms()] == cids


def test_a_wrong_password_is_refused(environment):
    ended = environment.run("tasks", "--client", "admin", "--client-secret", "wrong")
    assert ended.code == 1
    assert "Not authorized" in ended.text


def test_the_rest_of_the_machine_cannot_be_reached_by_an_address_of_a_vm_that_is_gone(environment):
    prefix = ".".join(environment.network.split(".")[:2])
    route = subprocess.run(["ip", "route", "get", f"{prefix}.99.99"], capture_output=True, text=True, check=False)
    # The kernel's answer to an unreachable route, which stands while there is any VM.
    assert (route.returncode, "No route to host" in route.stderr) == (2, True)
    routes = subprocess.run(["ip", "route", "show", environment.network], capture_output=True, text=True, check=True)
    assert routes.stdout.startswith(f"unreachable {environment.network}")


def test_a_corrupt_release_is_refused_and_nothing_of_it_stays(environment, tmp_path):
    bad = tmp_path / "bad.tgz"
    bad.write_bytes(b"\x1f\x8b" + b"no archive" * 10)
    before = environment.rows("releases")
    ended = environment.run("upload-release", str(bad))
    assert ended.code == 1
    assert environment.rows("releases") == before
    assert list((environment.root / "director/uploads").iterdir()) == []


def test_the_secrets_stay_out_of_logs(environment):
    identity = json.loads((environment.root / "identity.json").read_text())
    secrets = [identity["admin_password"], identity["blobstore_agent_password"], identity["blobstore_secret"]]
    for path in [*Path(environment.root / "log").iterdir(), *Path(environment.root / "director/tasks").rglob("*")]:
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not [secret for secret in secrets if secret in text], path
            assert "PRIVATE KEY" not in text, path
