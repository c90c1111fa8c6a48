"""Generate the Python beside the .proto files, or in another directory: `python generate.py [directory]`.

It needs grpcio-tools, which only development has; what it makes is kept in the tree, and a test generates it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parent
WITH_SERVICES = frozenset({"locket.proto", "ingress.proto", "egress.proto", "orchestration.proto", "promql.proto"})


def sources() -> list[Path]:
    """Return every .proto file of the package, in a steady order."""
    return sorted((ROOT / "cf_wire").rglob("*.proto"))


def generate(target: Path) -> list[Path]:
    """Write messages, their types, and where there are services their stubs, below `target`; return the files.

    Raises:
        SystemExit: the compiler refused a file; it has said why on stderr.
    """
    for source in sources():
        grpc = [f"--grpc_python_out={target}"] if source.name in WITH_SERVICES else []
        arguments = ["protoc", f"-I{ROOT}", f"--python_out={target}", f"--pyi_out={target}", *grpc, str(source)]
        if protoc.main(arguments) != 0:
            raise SystemExit(f"cannot generate {source.name}")
    return sorted((target / "cf_wire").rglob("*_pb2*.py*"))


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
