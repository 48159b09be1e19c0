"""Call slots: so many at a time, by priority."""

from __future__ import annotations

import asyncio

import pytest

from bot.assessment.slots import CallSlots


async def test_waiters_go_by_priority_and_equals_by_arrival() -> None:
    """Tasks that start together have all queued before the first is chosen."""
    slots, order = CallSlots(1), []

    async def work(name: str, priority: int) -> None:
        async with slots.slot(priority):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(work("late", 3), work("first", 1), work("a", 2), work("b", 2))
    assert order == ["first", "a", "b", "late"]


async def test_never_more_than_the_limit() -> None:
    """Whatever arrives."""
    slots, inside, most = CallSlots(3), 0, 0

    async def work(priority: int) -> None:
        nonlocal inside, most
        async with slots.slot(priority):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number % 4) for number in range(20)))
    assert most == 3


async def test_a_cancelled_waiter_leaves_its_place() -> None:
    """And a cancelled holder gives its slot back."""
    slots = CallSlots(1)

    async def hold() -> None:
        async with slots.slot(1):
            await asyncio.Event().wait()

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(hold())
    await asyncio.sleep(0.01)
    for task in (waiter, holder):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(1), slots.slot(9):
        pass
