"""The process that makes worker processes: it imports everything a task may need, once, and forks.

So workers start in milliseconds and share the memory of what was imported. It hears from the daemon over a socket that keeps message
boundaries: ``{"name":…,"queues":[…],"spare":…}`` with the worker's end of its connection attached. When the daemon is gone it gives the workers
time to let go of their tasks, ends those that do not, and exits.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import time
import traceback
from pathlib import Path
from typing import NoReturn

from bosh.director import log, worker
from bosh.director.config import Config
from bosh.director.world import MakeWorld

_MESSAGE_BYTES = 4096

# A little longer than a worker takes to give up by itself.
_GRACE_S = worker.LET_GO_S + 2.0

_NO_BODY = {"contract", "control", "engine", "locks", "log", "runner", "uploads", "deletions", "lost", "orphans"}


_CLIENTS = ("bosh.clients.agents", "bosh.clients.blobstore", "bosh.clients.cpi")


def preload() -> None:
    """Import all task bodies and what they import, and the clients of the outside."""
    from bosh.director import tasks

    for name in _CLIENTS:
        importlib.import_module(name)

    for module in pkgutil.iter_modules(tasks.__path__):
        if module.name in _NO_BODY:
            continue
        try:
            importlib.import_module(f"bosh.director.tasks.{module.name}")
        except Exception as error:  # noqa: BLE001 - tasks of this type will say so; all others must run
            log.line("task_body_broken", type=module.name, error=error)


def name_process(name: str) -> None:
    """What ``ps -o comm`` shows; at most 15 characters."""
    Path("/proc/self/comm").write_text(name[:15])


def start(config: Config, director_uuid: str, make_world: MakeWorld) -> tuple[int, socket.socket]:
    """Fork the nursery; its pid and the daemon's end of the socket.

    The caller must have one thread and no event loop yet. Descriptors that it has open stay open here and in every worker: a file lock
    taken before says for how long any process of this director lives.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        ours.close()
        _live(theirs, config, director_uuid, make_world)
    theirs.close()
    return pid, ours


def _live(orders: socket.socket, config: Config, director_uuid: str, make_world: MakeWorld) -> NoReturn:
    try:
        name_process("bosh-nursery")
        _ignore_signals()
        preload()
        gc.collect()
        gc.freeze()
        _Nursery(orders, config, director_uuid, make_world).run()
    except BaseException:  # noqa: BLE001 - the process ends here in any case
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _ignore_signals() -> None:
    # A signal for the process group is the daemon's to answer. Handlers, unlike "ignore", do not outlive exec in CPI programs.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


class _Nursery:
    def __init__(self, orders: socket.socket, config: Config, director_uuid: str, make_world: MakeWorld) -> None:
        self._orders = orders
        self._config = config
        self._director_uuid = director_uuid
        self._make_world = make_world
        self._children: dict[int, str] = {}

    def run(self) -> None:
        # The signal's number arrives on the pipe and ends the wait, so that a dead worker is noticed at once.
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        while True:
            ready, _, _ = select.select([self._orders.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            if self._orders.fileno() in ready and not self._obey():
                break
        self._end()

    def _obey(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._orders, _MESSAGE_BYTES, 1)
        if not message:
            return False
        order = json.loads(message)
        post = worker.Post(order["name"], tuple(order["queues"]), order["spare"])
        self._bear(post, descriptors[0])
        return True

    def _bear(self, post: worker.Post, descriptor: int) -> None:
        pid = os.fork()
        if pid:
            os.close(descriptor)
            self._children[pid] = post.name
            return
        try:
            self._become_worker(post, descriptor)
        except BaseException:  # noqa: BLE001 - the process ends here in any case
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def _become_worker(self, post: worker.Post, descriptor: int) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._orders.close()
        name_process(f"bosh-{post.name}")
        connection = socket.socket(fileno=descriptor)
        connection.set_inheritable(False)
        worker.serve(connection, post, self._config, self._director_uuid, self._make_world)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            name = self._children.pop(pid, "?")
            log.line("worker_exited", worker=name, pid=pid, code=os.waitstatus_to_exitcode(status))

    def _end(self) -> None:
        deadline = time.monotonic() + _GRACE_S
        while self._children and time.monotonic() < deadline:
            time.sleep(0.02)
            self._reap()
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        while self._children:
            time.sleep(0.01)
            self._reap()
