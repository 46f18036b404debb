"""Large bodies wait for each other when they are too many bytes together."""

import asyncio

import pytest

from delivery.courier.send_budget import SendBudget, Share


def test_the_sum_is_bounded_and_all_have_their_turn() -> None:
    order: list[int] = []
    peak = 0

    async def send(budget: SendBudget, number: int, size: int) -> None:
        nonlocal peak
        with await budget.take(size, str(number)):
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


async def _try(budget: SendBudget, size: int, owner: str) -> Share | None:
    """What there is without waiting."""
    try:
        async with asyncio.timeout(0.01):
            return await budget.take(size, owner)
    except TimeoutError:
        return None


def test_an_owner_leaves_as_much_as_he_holds() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        for _ in range(5):
            assert await _try(budget, 10, "one")
        assert await _try(budget, 10, "one") is None
        for _ in range(3):
            assert await _try(budget, 10, "two")
        assert await _try(budget, 10, "two") is None
        assert await _try(budget, 10, "three")

    asyncio.run(run())


def test_nobody_waits_behind_who_waits_for_himself() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        first = await budget.take(50, "one")
        greedy = asyncio.create_task(budget.take(40, "one"))
        (await budget.take(40, "two")).resize(0)
        assert not greedy.done()
        first.resize(0)
        (await greedy).resize(0)
        assert budget.used == 0

    asyncio.run(run())


def test_a_large_one_is_not_overtaken_for_ever() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        first = await budget.take(30, "one")
        large = asyncio.create_task(budget.take(90, "two"))
        await asyncio.sleep(0)
        assert await _try(budget, 10, "three") is None
        first.resize(0)
        (await large).resize(0)
        assert budget.used == 0

    asyncio.run(run())


def test_who_is_about_to_leave_is_passed_over() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        first = await budget.take(60, "one")
        leaving = asyncio.create_task(budget.take(90, "two"))
        staying = asyncio.create_task(budget.take(90, "three"))
        await asyncio.sleep(0)
        leaving.cancel()
        first.resize(0)
        (await staying).resize(0)
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert budget.used == 0

    asyncio.run(run())


def test_whose_turn_comes_as_he_goes_takes_nothing() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        first = await budget.take(100, "one")
        second = asyncio.create_task(budget.take(100, "two"))
        await asyncio.sleep(0)
        first.resize(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert budget.used == 0
        assert await _try(budget, 100, "two")

    asyncio.run(run())


def test_what_is_larger_than_all_of_it_goes_alone() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        with await budget.take(500, "one"):
            other = asyncio.create_task(budget.take(1, "two"))
            await asyncio.sleep(0.01)
            assert not other.done()
        with await other:
            assert budget.used == 1

    asyncio.run(run())


def test_a_body_counts_as_what_it_became() -> None:
    async def run() -> None:
        budget = SendBudget(100)
        with await budget.take(50, "one") as share:
            share.resize(300)
            other = asyncio.create_task(budget.take(50, "two"))
            await asyncio.sleep(0.01)
            assert not other.done()
            share.resize(20)
            (await other).resize(0)
        assert budget.used == 0

    asyncio.run(run())


def test_it_is_given_back_whatever_happens() -> None:
    async def fail(budget: SendBudget) -> None:
        with await budget.take(100, "one"):
            raise RuntimeError

    async def run() -> None:
        budget = SendBudget(100)
        with pytest.raises(RuntimeError):
            await fail(budget)
        with await budget.take(100, "one"), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await budget.take(100, "two")
        assert budget.used == 0
        with await budget.take(100, "one"):
            assert budget.used == 100

    asyncio.run(run())
