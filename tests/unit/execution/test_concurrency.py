from __future__ import annotations

import asyncio

import pytest

from bosh.execution.concurrency import Coalesced, for_each, uninterrupted


async def test_no_more_at_once_than_allowed_and_in_order() -> None:
    begun: list[int] = []
    running, most = 0, 0

    async def act(item: int) -> None:
        nonlocal running, most
        begun.append(item)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await for_each(range(10), act, at_once=3)
    assert begun == list(range(10))
    assert most == 3


async def test_after_a_failure_what_has_begun_is_finished_and_nothing_new_begins() -> None:
    ended: list[int] = []

    async def act(item: int) -> None:
        await asyncio.sleep(0)
        if item == 0:
            raise ValueError("first")
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append(item)

    with pytest.raises(ValueError, match="first"):
        await for_each(range(10), act, at_once=2)
    assert ended == [1]


async def test_nothing_to_do() -> None:
    await for_each([], lambda _item: asyncio.sleep(0), at_once=0)


async def test_uninterrupted_work_ends_before_the_cancellation_is_felt() -> None:
    done = asyncio.Event()

    async def work() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.set()

    task = asyncio.create_task(uninterrupted(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_uninterrupted_work_that_fails_says_so() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await uninterrupted(work())


async def test_those_who_come_together_share_a_call() -> None:
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    coalesced = Coalesced(call)
    await asyncio.gather(*(coalesced() for _ in range(10)))
    assert calls == 1
    first = asyncio.create_task(coalesced())
    for _ in range(3):
        await asyncio.sleep(0)
    await coalesced()
    await first
    assert calls == 3  # the second came while the first was under way: its news were not in it


async def test_a_failed_call_fails_all_who_share_it() -> None:
    async def call() -> None:
        raise ValueError("no bus")

    coalesced = Coalesced(call)
    results = await asyncio.gather(coalesced(), coalesced(), return_exceptions=True)
    assert [str(result) for result in results] == ["no bus", "no bus"]
