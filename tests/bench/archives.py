"""A small release with ERB jobs and a stemcell, made on the spot."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import yaml


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(name: str, content: bytes) -> dict[str, object]:
    fingerprint = hashlib.sha256(content).hexdigest()
    return {"name": name, "version": fingerprint, "fingerprint": fingerprint, "sha1": f"sha256:{fingerprint}"}


def _job(name: str, templates: dict[str, bytes]) -> bytes:
    spec = {
        "name": name,
        "templates": {f"{source}.erb": f"config/{source}" for source in templates},
        "packages": ["app"],
        "properties": {"port": {"default": 80}, "greeting": {"default": "hello"}},
    }
    files = {"job.MF": yaml.safe_dump(spec).encode(), "monit": f"check process {name}\n".encode()}
    return _tar(files | {f"templates/{source}.erb": text for source, text in templates.items()})


def release(folder: Path) -> Path:
    """Release ``sample``: the jobs ``server`` and ``client``, the package ``app``."""
    package = _tar({"packaging": b"#"})
    jobs = {
        "server": _job("server", {"server.yml": b"port: <%= p('port') %>\nid: <%= spec.id %>\nip: <%= spec.ip %>\n"}),
        "client": _job("client", {"client.yml": b"greeting: <%= p('greeting') %>\n", "env": b"A=<%= spec.index %>\n"}),
    }
    manifest = {
        "name": "sample",
        "version": "1",
        "commit_hash": "abc",
        "uncommitted_changes": False,
        "jobs": [_entry(name, content) | {"packages": ["app"]} for name, content in jobs.items()],
        "packages": [_entry("app", package) | {"dependencies": []}],
    }
    files = {"release.MF": yaml.safe_dump(manifest).encode(), "packages/app.tgz": package}
    path = folder / "release.tgz"
    path.write_bytes(_tar(files | {f"jobs/{name}.tgz": content for name, content in jobs.items()}))
    return path


def stemcell(folder: Path) -> Path:
    """Stemcell ``bosh-fake`` of the fake cloud."""
    image = b"an image"
    manifest = {
        "name": "bosh-fake",
        "version": "1.2",
        "api_version": 3,
        "sha1": f"sha256:{hashlib.sha256(image).hexdigest()}",
        "operating_system": "ubuntu-noble",
        "stemcell_formats": ["general-tar"],
        "cloud_properties": {"infrastructure": "fake"},
    }
    path = folder / "stemcell.tgz"
    path.write_bytes(_tar({"stemcell.MF": yaml.safe_dump(manifest).encode(), "image": image}))
    return path
