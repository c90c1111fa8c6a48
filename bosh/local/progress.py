"""What ``bosh up`` and ``bosh down`` tell the person meanwhile: a line when a step begins, how long it took when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Steps as lines on stderr, so that stdout stays for results."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step. A failure leaves its line unfinished; the error itself is shown at the edge."""
        began_s = time.monotonic()
        self.say(f"{title} …")
        yield
        self.say(f"{title}: done in {time.monotonic() - began_s:.1f} s")

    def say(self, text: str) -> None:
        """A line with the time since the start."""
        sys.stderr.write(f"[{time.monotonic() - self._started_s:6.1f} s] {text}\n")
        sys.stderr.flush()
