"""Run the image builders: each in mount and process namespaces of its own, so that nothing outlives an interrupted build."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Final

from bosh.wire.errors import SystemFailure

_LAST_LINES = 20
_REPORT_TIMEOUT_S = 10.0
_ISOLATED: Final = (
    # Ends with this thread, even when the process is killed without a chance to clean up …
    *("setpriv", "--pdeathsig", "KILL", "--"),
    # … and takes everything it started, and its mounts, with it.
    *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
)
_PACKAGE_OF_TOOL: Mapping[str, str] = {
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "tar": "tar",
    "chroot": "coreutils",
}


def require(*tools: str) -> None:
    """Raises SystemFailure naming all tools that are missing and the packages that hold them."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        packages = " ".join(sorted({_PACKAGE_OF_TOOL.get(tool, tool) for tool in missing}))
        raise SystemFailure(
            "cannot build a stemcell on this machine",
            details=f"not found on PATH: {', '.join(missing)}",
            resolution=f"Run .ci/setup, or install them: apt-get install {packages}",
        )
    if os.geteuid() != 0:
        raise SystemFailure(
            "cannot build a stemcell as an ordinary user",
            details="making a root filesystem needs root: it holds files of several owners",
            resolution="Run the command again with sudo.",
        )


@contextmanager
def contained(
    command: Sequence[str],
    *,
    what: str,
    on_line: Callable[[str], None],
    environment: Mapping[str, str],
    input_path: Path | None = None,
) -> Iterator[IO[bytes]]:
    """Run a command in namespaces of its own; the value is its standard output.

    Leaving the block early, by an exception or an interrupt, ends the command and all its children and mounts with it.

    Args:
        what: for the error: "cannot {what}".
        on_line: called with each line of standard error, from another thread.

    Raises:
        SystemFailure: the command failed; its last lines are in the details.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    isolated = [*_ISOLATED, *command]
    with (input_path or Path(os.devnull)).open("rb") as stdin:
        process = subprocess.Popen(
            isolated,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    assert process.stdout is not None
    assert process.stderr is not None
    reader = Thread(target=_report, args=(process.stderr, last, on_line), daemon=True)
    reader.start()
    try:
        yield process.stdout
        process.stdout.close()
        status = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        process.stdout.close()
        reader.join(_REPORT_TIMEOUT_S)
        process.stderr.close()
    if status != 0:
        raise SystemFailure(
            f"cannot {what}",
            details="\n".join([f"{command[0]} ended with exit status {status}", *last]),
            resolution="The last lines above say why; the build can be repeated as it is.",
        )


def _report(stream: IO[bytes], last: deque[str], on_line: Callable[[str], None]) -> None:
    for raw in stream:
        line = raw.decode(errors="replace").rstrip()
        last.append(line)
        on_line(line)
