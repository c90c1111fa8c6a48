from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from cpi_kit.serve import serve


class Pipe(io.RawIOBase):
    """Takes at most three bytes at a time; may break."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()
        self.content = b""
        self.broken_pipe = broken

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        if self.broken_pipe:
            raise BrokenPipeError
        self.content += bytes(data[:3])
        return min(len(data), 3)


def test_answers_every_line_and_skips_blank_ones() -> None:
    out = Pipe()
    serve(lambda line: line.upper(), io.BytesIO(b"a\n\nbcdef\n  \nc"), out, threads=2)
    assert sorted(out.content.split()) == [b"A", b"BCDEF", b"C"]


def test_a_slow_call_does_not_hold_up_a_fast_one() -> None:
    out, fast_done = Pipe(), threading.Event()

    def answer(line: bytes) -> bytes:
        if line == b"slow\n":
            assert fast_done.wait(10)
        else:
            fast_done.set()
        return line

    serve(answer, io.BytesIO(b"slow\nfast\n"), out, threads=2)
    assert out.content == b"fast\nslow\n" or out.content == b"slow\nfast\n"
    assert fast_done.is_set()


def test_never_more_calls_at_a_time_than_allowed() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def answer(line: bytes) -> bytes:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return line

    serve(answer, io.BytesIO(b"x\n" * 50), Pipe(), threads=2)
    assert 1 <= most <= 2


@pytest.mark.timeout(10)
def test_ends_when_nobody_reads() -> None:
    serve(lambda line: line, io.BytesIO(b"x\n" * 50), Pipe(broken=True), threads=2)


def test_lines_are_never_interleaved() -> None:
    out = Pipe()
    lines = [json.dumps({"n": n, "text": "x" * 40}).encode() + b"\n" for n in range(40)]
    serve(lambda line: line, io.BytesIO(b"".join(lines)), out, threads=8)
    assert sorted(json.loads(line)["n"] for line in out.content.splitlines()) == list(range(40))


@pytest.mark.parametrize("broken", [False, True])
def test_an_answer_goes_to_its_file_as_well(tmp_path: Path, broken: bool) -> None:
    """Also, and above all, when nobody reads the other one."""
    path = tmp_path / "1.answer"
    line = json.dumps({"method": "create_disk", "context": {"answer_file": str(path)}}).encode()
    serve(lambda _line: b"made\n", io.BytesIO(line + b"\n"), Pipe(broken=broken), threads=1)
    assert path.read_bytes() == b"made\n"


@pytest.mark.parametrize(
    "line", [b'{"answer_file"', b'{"context": 3, "x": "answer_file"}', b'{"context": {"answer_file": 7}}']
)
def test_a_request_that_cannot_be_understood_is_answered_all_the_same(line: bytes) -> None:
    out = Pipe()
    serve(lambda _line: b"no\n", io.BytesIO(line + b"\n"), out, threads=1)
    assert out.content == b"no\n"
