"""Add byte code to a zip of Python sources, made by the interpreter that will run it: bytecode.py SOURCES TARGET.

An agent that need not be compiled starts in half the time, on every VM. The byte code is bound to this interpreter's version; another one
falls back to the sources, which stay in the zip.
"""

import importlib._bootstrap_external as bootstrap
import importlib.util
import io
import sys
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"


def main(source: str, target: str) -> None:
    with open(source, "rb") as stream:  # noqa: PTH123  # the import system's own zip reader is all that is needed here
        given = zipfile.ZipFile(io.BytesIO(stream.read()))
    with open(target, "wb") as stream:  # noqa: PTH123
        stream.write(SHEBANG)
        # Stored, not deflated: each start would inflate it again, and the image is compressed as a whole.
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as made:
            for entry in given.infolist():
                if entry.filename.endswith(".pyc"):
                    continue  # the building machine's, for its own version
                content = given.read(entry)
                made.writestr(zipfile.ZipInfo(entry.filename, EPOCH), content)
                if entry.filename.endswith(".py"):
                    code = compile(content, entry.filename, "exec", dont_inherit=True)
                    digest = importlib.util.source_hash(content)
                    compiled = bootstrap._code_to_hash_pyc(code, digest, checked=False)
                    made.writestr(zipfile.ZipInfo(f"{entry.filename}c", EPOCH), compiled)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
