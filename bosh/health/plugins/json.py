"""Feeds every event as a JSON line to executables, one process each, restarted when they end (bosh-monitor: plugins/json.rb)."""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from bosh.health.model import Alert, DeploymentUnwell, Saying
from bosh.health.plugins.contract import Options, World

log = logging.getLogger(__name__)

DEFAULT_GLOB = "var/vcap/jobs/*/bin/bosh-monitor/*"


class JsonFeeds:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern.lstrip("/")
        self._processes: dict[Path, Process] = {}

    async def hear(self, saying: Saying) -> Sequence[Alert]:
        event = saying.alert if isinstance(saying, DeploymentUnwell) else saying
        line = json.dumps(event.to_json()).encode() + b"\n"
        for program in await asyncio.to_thread(self._programs):
            process = await self._running(program)
            if process and process.stdin:
                try:
                    process.stdin.write(line)
                    await asyncio.wait_for(process.stdin.drain(), timeout=5)
                except (OSError, TimeoutError) as error:
                    log.warning("cannot feed program=%s error=%s", program, error)
        return ()

    def _programs(self) -> list[Path]:
        return sorted(Path("/").glob(self._pattern))

    async def _running(self, program: Path) -> Process | None:
        process = self._processes.get(program)
        if process is None or process.returncode is not None:
            try:
                process = await asyncio.create_subprocess_exec(program, stdin=PIPE, stdout=DEVNULL)
            except OSError as error:
                log.warning("cannot start program=%s error=%s", program, error)
                return None
            self._processes[program] = process
        return process


def make(options: Options, world: World) -> JsonFeeds:
    """Options: ``bin_glob``."""
    return JsonFeeds(str(options.get("bin_glob") or DEFAULT_GLOB))
