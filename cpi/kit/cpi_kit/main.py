"""The program around a cloud: ``<cloud>-cpi [--config FILE] [--serve [--threads N]]``.

Without ``--serve``: one request on stdin until its end, one response on stdout. With it: one request per line, answered as they
finish; each response names its ``request_id``. Imports stay light: a one-shot call pays for them every time.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cpi_kit.dispatch import Answer, CloudFactory, answer
from cpi_kit.output import claim_stdout, write_all

DEFAULT_THREADS = 16
"""The director runs up to 32 threads but waits for most clouds elsewhere; more than this only queues inside the cloud."""
_UMASK = 0o022
"""Of roots and directories that VMs see; files with credentials are written with modes of their own."""


class UsageError(ValueError):
    """Program arguments or configuration file that cannot be used."""


@dataclass(frozen=True, slots=True)
class Options:
    """The program's arguments; ``rest`` is what the kit does not know (a cloud's own commands)."""

    config: Mapping[str, Any] = field(default_factory=dict)
    serve: bool = False
    threads: int = DEFAULT_THREADS
    rest: tuple[str, ...] = ()


def parse_arguments(arguments: Sequence[str]) -> Options:
    """Raises UsageError."""
    config: Mapping[str, Any] = {}
    serve, threads, rest = False, DEFAULT_THREADS, []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--config":
            config = load_config(Path(_value(word, left)))
        elif word == "--threads":
            threads = _positive(word, _value(word, left))
        elif word == "--serve":
            serve = True
        else:
            rest.append(word)
    return Options(config, serve, threads, tuple(rest))


def _value(word: str, left: list[str]) -> str:
    if not left:
        raise UsageError(f"{word} needs a value")
    return left.pop(0)


def _positive(word: str, text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"{word} needs a positive number, got {text!r}")
    return int(text)


def load_config(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises UsageError."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read configuration {path}: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"cannot use configuration {path}: it must be a JSON object")
    return content


def run(make_cloud: CloudFactory, options: Options, *, answer: Answer = answer) -> int:
    """Answer requests on this process's stdin and stdout. Whatever else writes to stdout goes to stderr."""
    os.umask(_UMASK)
    with claim_stdout() as stdout:
        if options.serve:
            from cpi_kit.serve import serve

            serve(partial(answer, make_cloud, options.config), sys.stdin.buffer, stdout, threads=options.threads)
        else:
            write_all(stdout, answer(make_cloud, options.config, sys.stdin.buffer.read()))
    return 0


def main(make_cloud: CloudFactory, arguments: Sequence[str], *, answer: Answer = answer) -> int:
    """A whole program for a cloud without commands of its own; the exit status means nothing to a director."""
    try:
        options = parse_arguments(arguments)
        if options.rest:
            raise UsageError(f"unknown argument {options.rest[0]!r}")
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return run(make_cloud, options, answer=answer)
