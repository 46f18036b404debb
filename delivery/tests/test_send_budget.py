"""Large bodies wait for each other when they are too many bytes together."""

import asyncio

import pytest

from delivery.courier.send_budget import SendBudget


def test_the_sum_is_bounded_and_all_have_their_turn() -> None:
    order: list[int] = []
    peak = 0

    async def send(budget: SendBudget, number: int, size: int) -> None:
        nonlocal peak
        with await budget.take(size):
            order.append(number)
            peak = max(peak, budget.used)
            await asyncio.sleep(0)

    async def run() -> None:
        budget = SendBudget(100)
        sizes = (60, 30, 50, 10, 90, 40) * 20
        await asyncio.gather(*(send(budget, number, size) for number, size in enumerate(sizes)))
        assert budget.used == 0

    asyncio.run(run())
    assert order == list(range(120))
    assert 60 < peak <= 100


def test_what_is_larger_than_all_of_it_goes_alone() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        with await budget.take(500):
            other = asyncio.create_task(budget.take(1))
            await asyncio.sleep(0.01)
            assert not other.done()
        with await other:
            assert budget.used == 1

    asyncio.run(run())


def test_a_body_counts_as_what_it_became() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        with await budget.take(50) as share:
            share.resize(300)
            other = asyncio.create_task(budget.take(50))
            await asyncio.sleep(0.01)
            assert not other.done()
            share.resize(20)
            (await other).resize(0)
        assert budget.used == 0

    asyncio.run(run())


def test_it_is_given_back_whatever_happens() -> None:
    async def fail(budget: SendBudget) -> None:
        with await budget.take(100):
            raise RuntimeError

    async def run() -> None:
        budget = SendBudget(100)
        with pytest.raises(RuntimeError):
            await fail(budget)
        with await budget.take(100), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await budget.take(100)
        assert budget.used == 0
        with await budget.take(100):
            assert budget.used == 100

    asyncio.run(run())
