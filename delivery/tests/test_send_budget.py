"""Large bodies wait for each other when they are too many bytes together."""

import asyncio

import pytest

from delivery.send_budget import SendBudget


def test_the_sum_is_bounded_and_all_have_their_turn() -> None:
    peak = 0

    async def send(budget: SendBudget, size: int) -> None:
        nonlocal peak
        async with budget.take(size):
            peak = max(peak, budget.used)
            await asyncio.sleep(0)

    async def run() -> None:
        budget = SendBudget(100)
        await asyncio.gather(*(send(budget, size) for size in (60, 30, 50, 10, 90, 40) * 20))
        assert budget.used == 0

    asyncio.run(run())
    assert 60 < peak <= 100


def test_what_is_larger_than_all_of_it_goes_alone() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        async with budget.take(500):
            other = asyncio.create_task(_take(budget, 1))
            await asyncio.sleep(0.01)
            assert not other.done()
        await other

    asyncio.run(run())


def test_it_is_given_back_whatever_happens() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        with pytest.raises(RuntimeError):
            async with budget.take(100):
                raise RuntimeError
        waiting = asyncio.create_task(_take(budget, 100))
        async with budget.take(100):
            waiting.cancel()
        await asyncio.wait([waiting])
        assert budget.used == 0
        await _take(budget, 100)

    asyncio.run(run())


async def _take(budget: SendBudget, count: int) -> None:
    async with budget.take(count):
        await asyncio.sleep(0)
