"""Carries out what the brain says: runs actions, sends answers, keeps the tasks file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from bosh.agent import brain as mind
from bosh.agent.actions.contract import Action, Agent, Arguments, Call
from bosh.agent.replies import encode_within
from bosh.agent.tasks_file import TasksFile
from bosh.system.ids import Ids
from bosh.wire.agent_rpc import InvalidMessage, Reply, Request, decode_request
from bosh.wire.errors import joined

log = logging.getLogger(__name__)

UNLOGGED = frozenset({"ping", "get_task", "get_state"})
"""Too frequent to say anything."""


class Body:
    def __init__(self, agent: Agent, actions: Mapping[str, Action], tasks: TasksFile, ids: Ids) -> None:
        self._agent = agent
        self._actions = actions
        self._tasks = tasks
        self._ids = ids
        self._brain = mind.Brain({method: action.trait for method, action in actions.items()})
        self._running: set[asyncio.Task[None]] = set()
        self._cancels: dict[str, asyncio.Event] = {}

    def resume(self) -> None:
        """After a restart: the remembered tasks are done."""
        for task_id, method in self._tasks.all().items():
            if method in self._actions:
                self._perform(self._brain.handle(mind.TaskRemembered(task_id, method)))
            else:
                self._tasks.remove(task_id)

    def receive(self, payload: bytes) -> None:
        """One message from the bus; what is no request is not answered, there is nobody to answer."""
        try:
            request = decode_request(payload)
        except InvalidMessage as error:
            log.warning("ignored a message: %s", error)
            return
        if request.method not in UNLOGGED:
            log.info("%s", request.method)
        self._perform(self._brain.handle(mind.RequestArrived(request, self._ids.uuid())))

    async def finish(self) -> None:
        """Stop what runs; its processes are killed."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _perform(self, instructions: Iterable[mind.Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case mind.Answer():
                    self._answer(instruction.reply_to, instruction.reply)
                case mind.Run():
                    self._start(instruction.request, instruction.task_id)
                case mind.Cancel():
                    if instruction.task_id in self._cancels:
                        self._cancels[instruction.task_id].set()
                case mind.Remember():
                    self._tasks.add(instruction.task_id, instruction.method)
                case mind.Forget():
                    self._tasks.remove(instruction.task_id)

    def _answer(self, reply_to: str, reply: Reply) -> None:
        if reply_to:
            self._agent.outbox.publish(reply_to, encode_within(reply))

    def _start(self, request: Request, task_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._run(request, task_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, request: Request, task_id: str) -> None:
        cancelled = asyncio.Event()
        if task_id:
            self._cancels[task_id] = cancelled
        call = Call(Arguments(request.arguments, request.protocol), cancelled)
        value, fault = None, None
        try:
            value = await self._actions[request.method].run(self._agent, call)
        except Exception as error:
            log.exception("%s failed", request.method)
            fault = joined(error)
        finally:
            self._cancels.pop(task_id, None)
        self._perform(self._brain.handle(mind.ActionFinished(request, task_id, value, fault)))
