"""The agent as one file for a stemcell: a zip that Python 3.11 runs, with nothing else installed. The same sources give the same bytes."""

from __future__ import annotations

import importlib.util
import py_compile
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOMS = ("agent", "wire", "system")
EPOCH = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom bosh.agent.main import main\n\nsys.exit(main())\n"


def build(target: Path) -> None:
    """Write the archive to ``target``, executable: ``target -C /var/vcap/bosh/agent.json``.

    Raises:
        OSError: the sources cannot be read or the file cannot be written.
    """
    package = _package()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            _add(archive, "__main__.py", MAIN.encode())
            for path in _sources(package):
                name = f"bosh/{path.relative_to(package).as_posix()}"
                _add(archive, name, path.read_bytes())
                _add(archive, f"{name}c", _compiled(path, name))
    target.chmod(0o755)


def _compiled(path: Path, name: str) -> bytes:
    """Byte code without docstrings, valid whatever the source's time: the agent starts sooner and smaller. Another Python ignores it."""
    with tempfile.NamedTemporaryFile(suffix=".pyc") as compiled:
        py_compile.compile(
            str(path),
            cfile=compiled.name,
            dfile=name,
            doraise=True,
            optimize=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(compiled.name).read_bytes()


def _package() -> Path:
    found = importlib.util.find_spec("bosh")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent


def _sources(package: Path) -> Iterator[Path]:
    yield package / "__init__.py"
    for room in ROOMS:
        yield from sorted((package / room).rglob("*.py"))


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.create_system = 3
    archive.writestr(entry, content)
