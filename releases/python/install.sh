set -eu

# Installs a Python component: its wheels and its own source into lib/, one starter for each of its programs into bin/.
# This text is releases/python/install.sh in every release; `releases/python/vendor.py` puts it there.
exec /usr/bin/python3 -I - "$BOSH_INSTALL_TARGET" << 'INSTALL'
import compileall
import pathlib
import shutil
import sys
import tomllib
import zipfile

COMPONENT = "@COMPONENT@"
PYTHON = (3, 11)
STARTER = """#!/usr/bin/python3 -IOO
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

from {module} import {function}

sys.exit({function}())
"""

if sys.version_info[:2] != PYTHON:
    sys.exit(f"cannot install {COMPONENT}: its wheels are for Python {PYTHON[0]}.{PYTHON[1]}, this is {sys.version}")

target = pathlib.Path(sys.argv[1])
lib, programs = target / "lib", target / "bin"
lib.mkdir(parents=True)
programs.mkdir()

for wheel in sorted(pathlib.Path("wheels").glob("*.whl")):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(lib)
for data in lib.glob("*.data"):
    for part in ("purelib", "platlib"):
        if (data / part).is_dir():
            shutil.copytree(data / part, lib, dirs_exist_ok=True)
    shutil.rmtree(data)

source = pathlib.Path(COMPONENT)
project = tomllib.loads((source / "pyproject.toml").read_text())
for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
    shutil.copytree(source / package, lib / package, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)

# Ready-made bytecode without assertions and docstrings, as the starters run it: several megabytes less for each process.
if not compileall.compile_dir(
    lib, quiet=1, optimize=2, invalidation_mode=compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH
):
    sys.exit(f"cannot compile {COMPONENT}")

for name, entry in project["project"]["scripts"].items():
    module, _, function = entry.partition(":")
    starter = programs / name
    starter.write_text(STARTER.format(module=module, function=function))
    starter.chmod(0o755)
INSTALL
