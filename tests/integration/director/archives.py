"""Small releases and stemcells, made on the spot."""

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


def _sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def release(folder: Path, name: str = "sample", version: str = "1", *, marker: str = "1") -> Path:
    """One job, two packages."""
    packages = {each: _tar({"packaging": f"# {each} {marker}".encode()}) for each in ("app", "libx")}
    job_spec = {"name": "hello", "templates": {"run.erb": "bin/run"}, "packages": ["app"], "properties": {}}
    job = _tar({"job.MF": yaml.safe_dump(job_spec).encode(), "monit": b"", "templates/run.erb": marker.encode()})

    def entry(each: str, content: bytes) -> dict[str, object]:
        fingerprint = hashlib.sha256(content).hexdigest()
        return {"name": each, "version": fingerprint, "fingerprint": fingerprint, "sha1": _sha(content)}

    manifest = {
        "name": name,
        "version": version,
        "commit_hash": "abc",
        "uncommitted_changes": False,
        "jobs": [entry("hello", job) | {"packages": ["app"]}],
        "packages": [
            entry(each, content) | {"dependencies": ["libx"] if each == "app" else []}
            for each, content in packages.items()
        ],
    }
    files = {"release.MF": yaml.safe_dump(manifest).encode(), "jobs/hello.tgz": job}
    files |= {f"packages/{each}.tgz": content for each, content in packages.items()}
    path = folder / f"{name}-{version}.tgz"
    path.write_bytes(_tar(files))
    return path


def stemcell(folder: Path, version: str = "1.2", *, formats: tuple[str, ...] = ("general-tar",)) -> Path:
    image = b"an image"
    manifest = {
        "name": "bosh-fake",
        "version": version,
        "api_version": 3,
        "sha1": _sha(image),
        "operating_system": "ubuntu-noble",
        "stemcell_formats": list(formats),
        "cloud_properties": {"infrastructure": "fake"},
    }
    path = folder / f"stemcell-{version}.tgz"
    path.write_bytes(_tar({"stemcell.MF": yaml.safe_dump(manifest).encode(), "image": image}))
    return path
