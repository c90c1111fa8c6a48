"""``bosh up``: from a machine to running, monitored VMs. Every step looks first and does only what is missing, so that an interrupted
run is finished by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from bosh.cli.commands import stemcells, uploads
from bosh.cli.globals import Globals
from bosh.cli.output.ui import AnyUi
from bosh.cli.session import Environment, SessionError
from bosh.clients.director import DirectorClient, DirectorError, Unreachable
from bosh.director import bus
from bosh.director import config as director_config
from bosh.local import configuration, host, services, workshop
from bosh.local.boot import Boot
from bosh.local.home import Home
from bosh.local.identity import Identity, known, load_or_make
from bosh.local.progress import Progress
from bosh.local.session import LocalSession
from bosh.local.turn import turn
from bosh.manifest.emit import dump
from bosh.system.files import write_atomically
from bosh.system.ids import SystemIds
from bosh.wire.errors import SystemFailure
from bosh.wire.release_mf import ReleaseManifest

EXAMPLE_NAME = "nats"
_START_WITHIN_S = 60.0


def bring_up(home: Home, ui: AnyUi, progress: Progress, *, settings: Mapping[str, Any], example: bool) -> LocalSession:
    """Everything, in order; the session of the administrator.

    Raises:
        SystemFailure: the machine does not allow it. ``SessionError``: a task of the director failed, or the person interrupted.
    """
    require_root()
    with turn(home.root, progress.say):
        identity = load_or_make(home, SystemIds(), datetime.now(UTC))
        with progress.step("Director"):
            configurations = write_files(home, identity, settings)
            _start(home, configurations, progress)
            wait_until_up(home, identity)
        session = remember(home, identity, ui, progress)
        try:
            session.wait_for_others(EXAMPLE_NAME)
            _fill(home, session, progress, example=example)
        except KeyboardInterrupt:
            raise SessionError(session.interrupted()) from None
        Boot().install(home, progress.say)
    return session


def resume(home: Home, progress: Progress) -> None:
    """What was there before a reboot of the machine is there again: director and VMs as they were, nothing new. Raises SystemFailure."""
    require_root()
    identity = known(home)
    if identity is None or not (home.config / "supervisord.conf").exists():
        raise SystemFailure(f"cannot resume: there is no environment in {home.root}", resolution="Make one: `bosh up`.")
    with turn(home.root, progress.say), progress.step("Director"):
        _start(home, {}, progress)
        wait_until_up(home, identity)


def _start(home: Home, configurations: Mapping[str, Path], progress: Progress) -> None:
    host.add_address(home)
    restore_vms(home, progress)
    services.start(home, configurations=configurations)


def _fill(home: Home, session: LocalSession, progress: Progress, *, example: bool) -> None:
    with progress.step("Stemcell"):
        ensure_stemcell(home, session, progress)
    with progress.step("Releases"):
        versions = {folder.name: ensure_release(session, folder, progress) for folder in workshop.RELEASES}
    with progress.step("Configs"):
        ensure_config(session, "cloud", _cloud_config(home))
        ensure_config(session, "runtime", _runtime_config(versions))
    if example:
        with progress.step(f"Deployment {EXAMPLE_NAME}"):
            deploy(session, _example(home))
    if not session.changed:
        progress.say("Everything is up to date")


def require_root() -> None:
    """Raises SystemFailure."""
    if os.geteuid() != 0:
        raise SystemFailure(
            "cannot make container VMs without being root",
            resolution="Repeat with sudo, or as root in a container or VM that may mount and make networks.",
        )


# --- the director ---------------------------------------------------------------------------------------------------------------


def cpi_program() -> Path:
    return Path(sys.executable).with_name("container-cpi")


def write_files(home: Home, identity: Identity, settings: Mapping[str, Any]) -> dict[str, Path]:
    """All configuration files, those that stay the same untouched; daemon → the file that it reads at its start."""
    director = configuration.director(
        home, identity, cpi_program=cpi_program(), settings=dict(settings.get("director") or {})
    )
    monitor = configuration.health_monitor(home, identity, settings=dict(settings.get("health_monitor") or {}))
    cpi = configuration.cpi(home, settings=dict(settings.get("cpi") or {}))
    files = {"director": home.config / "director.yml", "health-monitor": home.config / "health-monitor.yml"}
    _write(files["director"], yaml.safe_dump(director))
    _write(files["health-monitor"], yaml.safe_dump(monitor))
    if _write(home.config / "cpi.json", json.dumps(cpi, indent=2)):
        files["director"].touch()  # it keeps CPI processes
    config = director_config.read(director)
    bus.write_server_files(config)
    commands = {
        "nats": bus.nats_command(config),
        "director": [_beside("bosh-director"), "--config", str(files["director"])],
        "health-monitor": [_beside("bosh-health-monitor"), "--config", str(files["health-monitor"])],
    }
    home.logs.mkdir(parents=True, exist_ok=True)
    _write(home.config / "supervisord.conf", configuration.supervisor(home, commands))
    return files


def _write(path: Path, text: str) -> bool:
    """Whether there was something to change."""
    if path.exists() and path.read_text(errors="replace") == text:
        return False
    write_atomically(path, text.encode(), mode=0o600)
    return True


def _beside(program: str) -> str:
    return str(Path(sys.executable).with_name(program))


def restore_vms(home: Home, progress: Progress) -> None:
    """VMs that should run and do not, after a reboot of the machine, are started again. Raises SystemFailure."""
    failures = keep_house(home, "restore", progress) if home.cpi_state.exists() else ""
    if failures:
        raise SystemFailure(
            "cannot start this machine's VMs again",
            details=failures,
            resolution=f"Repeat; when it stays so, look at console.log of the VM below {home.cpi_state}/vms.",
        )


def keep_house(home: Home, command: str, progress: Progress) -> str:
    """A command of the CPI for the machine's keeper, its lines shown as they come; why it failed, empty when it did not."""
    words = [str(cpi_program()), "--config", str(home.config / "cpi.json"), command]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                progress.say(line.rstrip())
        errors.seek(0)
        said = errors.read().strip()
    return (said or f"it ended with {process.returncode}") if process.returncode else ""


def wait_until_up(home: Home, identity: Identity) -> None:
    """Raises SystemFailure with the director's last words when it does not come up."""
    client = DirectorClient(f"https://127.0.0.1:{home.port}", ca_cert=identity.authority.certificate)
    until = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < until:
        try:
            client.get("/info")
            return
        except (Unreachable, DirectorError):
            time.sleep(0.1)
    states = "\n".join(f"{name}: {state}" for name, state in services.states(home).items())
    raise SystemFailure(
        f"cannot reach the director after {_START_WITHIN_S:.0f} s",
        details=f"{states}\n{_tail(home.logs / 'director.log')}",
        resolution=f"Look at the logs in {home.logs}.",
    )


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def remember(home: Home, identity: Identity, ui: AnyUi, progress: Progress) -> LocalSession:
    """Put the environment into the person's config file under its alias, logged in."""
    url = f"https://127.0.0.1:{home.port}"
    session = LocalSession(replace(Globals(), environment=home.alias, non_interactive=True), ui, progress)
    mine = Environment(url, home.alias, identity.authority.certificate, "admin", identity.admin_password)
    before = session.config.read()
    after = [*(item for item in before if item.alias != home.alias and item.url != url), mine]
    if after != before:
        session.config.write(after)
    return session


# --- what it needs ----------------------------------------------------------------------------------------------------------------


def ensure_stemcell(home: Home, session: LocalSession, progress: Progress) -> None:
    """Build it, or take it from the cache; upload it when the director has not got it.

    A recipe's version says nothing about our agent in it: in one environment another content gets the next version, so that a
    deployment that wants the latest takes it.
    """
    from bosh.stemcell import archive
    from bosh.stemcell.build import build

    path = build(workshop.RECIPE, cache_dir=workshop.CACHE / "stemcells", output=None, progress=progress.say)
    manifest = archive.read_manifest(path)
    known: dict[str, str] = json.loads(home.stemcells_file.read_text()) if home.stemcells_file.exists() else {}
    version = known.get(manifest.sha1) or (f"{manifest.version}.{len(known)}" if known else manifest.version)
    if stemcells.needed(session, manifest.name, version):
        with tempfile.TemporaryDirectory(dir=_swept(home.root / "scratch")) as scratch:
            if version != manifest.version:
                progress.say(f"This stemcell differs from version {manifest.version}: it becomes {version}")
                built, path = path, Path(scratch) / path.name
                archive.repack(built, path, archive.Change(version=version))
            progress.say(f"Uploading stemcell {manifest.name}/{version} ({path.stat().st_size >> 20} MiB)")
            uploads.send_file(session, "/stemcells", path, what="Uploading stemcell", query={})
        session.changed = True
    write_atomically(home.stemcells_file, json.dumps(known | {manifest.sha1: version}).encode())


def _swept(folder: Path) -> Path:
    """Made, and without what a killed run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def ensure_release(session: LocalSession, folder: Path, progress: Progress) -> str:
    """Make a dev release of the folder, or find that nothing changed; upload it when the director has not got it. Its version."""
    from bosh.cli.commands.releases import exists
    from bosh.release import built, sources
    from bosh.release.create import current_release

    sources.fetch(folder, workshop.CACHE / "blobs")
    made = current_release(folder, differs=lambda manifest: _is_another(session, manifest))
    if not exists(session, made.name, made.version):
        progress.say(f"Uploading release {made.name}/{made.version}")
        workshop.CACHE.mkdir(parents=True, exist_ok=True)
        tarball = workshop.CACHE / f"{made.name}-{made.version}.tgz"
        built.write(made.release, tarball)
        uploads.send_file(session, "/releases", tarball, what=f"Uploading release {made.name}", query={})
        tarball.unlink()
        session.changed = True
    return made.version


def _is_another(session: LocalSession, manifest: ReleaseManifest) -> bool:
    """Whether the director's release of this version came from another working copy."""
    from bosh.cli.commands.releases import exists
    from bosh.release.create import contents

    if not exists(session, manifest.name, manifest.version):
        return False
    body = session.director().get(f"/releases/{manifest.name}", version=manifest.version)
    known = {("job", job["name"], job["fingerprint"]) for job in body["jobs"]}
    return known | {("package", item["name"], item["fingerprint"]) for item in body["packages"]} != contents(manifest)


def ensure_config(session: LocalSession, kind: str, text: str) -> None:
    """Store a config unless the newest one says the same."""
    current = session.director().get("/configs", type=kind, name="default", latest="true", limit=1)
    if current and current[0]["content"] == text:
        return
    session.changed = True
    body = json.dumps({"type": kind, "name": "default", "content": text}).encode()
    session.director().call("POST", "/configs", body=body, headers={"Content-Type": "application/json"})


def _moved(home: Home, text: str) -> str:
    """A manifest of ours with its addresses moved into this environment's network."""
    default = Home().network
    if home.network == default:
        return text
    # Only the first /20 is used in our manifests, so that exchanging the prefix is enough.
    ours = ".".join(str(home.network.network_address).split(".")[:3])
    return text.replace(
        "10.244.0.0/20", str(next(home.network.subnets(new_prefix=max(20, home.network.prefixlen))))
    ).replace("10.244.0.", f"{ours}.")


def _cloud_config(home: Home) -> str:
    return _moved(home, workshop.CLOUD_CONFIG.read_text())


def _runtime_config(versions: Mapping[str, str]) -> str:
    """Addons must name exact versions."""
    content = yaml.safe_load(workshop.RUNTIME_CONFIG.read_text())
    for release in content["releases"]:
        release["version"] = versions[release["name"]]
    return dump(content)


def _example(home: Home) -> str:
    return _moved(home, workshop.EXAMPLE.read_text())


def deploy(session: LocalSession, text: str) -> None:
    """Deploy a manifest; a run that finds nothing to do is quick."""
    name = yaml.safe_load(text)["name"]
    headers = {"Content-Type": "text/yaml"}
    session.run_task("POST", "/deployments", what=f"Updating deployment '{name}'", body=text.encode(), headers=headers)
