"""How often the name server is asked."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from fastsmtp.dns import Answer, Resolver, TemporaryDNSError
from fastsmtp.dns.resolver import FAILURE_TTL, MAX_TTL, MIN_TTL
from fastsmtp.tests.dns_server import (
    NEGATIVE_TTL,
    SERVFAIL,
    NameServer,
    Query,
    Zone,
    serve_zone,
    serving,
)
from fastsmtp.tests.test_dns_answers import ask

ZONE: Zone = {
    "example.org": [("A", "192.0.2.1")],
    "alias.example.org": [("CNAME", "example.org")],
    "broken.example.org": [("A", SERVFAIL)],
    **{f"{number}.big.example.org": [("TXT", b"x" * 1000)] for number in range(10)},
}


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("name", "ttl", "kept"),
    [
        ("example.org", 300, 300),
        ("alias.example.org", 300, 300),
        ("example.org", 0, MIN_TTL),
        ("example.org", 86400, MAX_TTL),
        ("nowhere.example.org", 300, NEGATIVE_TTL),
        ("1.big.example.org", 300, NEGATIVE_TTL),
    ],
)
def test_an_answer_is_kept_for_its_ttl_within_bounds(name: str, ttl: int, kept: int) -> None:
    async def conversation(server: NameServer) -> None:
        clock = Clock()
        resolver = server.resolver(clock=clock)
        first = await resolver.resolve(name, "A")
        clock.now += kept - 1
        assert await resolver.resolve(name.upper(), "A") == first
        assert len(server.asked) == 1
        clock.now += 1
        assert await resolver.resolve(name, "A") == first
        assert len(server.asked) == 2

    ask(serve_zone(ZONE, ttl=ttl), conversation)


def test_a_failure_is_kept_for_a_few_seconds() -> None:
    async def conversation(server: NameServer) -> None:
        clock = Clock()
        resolver = server.resolver(clock=clock)

        async def fail() -> None:
            with pytest.raises(TemporaryDNSError):
                await resolver.resolve("broken.example.org", "A")

        await fail()
        clock.now += FAILURE_TTL - 1
        await fail()
        assert len(server.asked) == 1
        clock.now += 1
        await fail()
        assert len(server.asked) == 2

    ask(serve_zone(ZONE), conversation)


def test_the_least_recently_used_answer_makes_room() -> None:
    async def conversation(server: NameServer) -> None:
        resolver = server.resolver(cache_octets=4 * 1500)
        for number in [0, 1, 2, 3, 0, 4]:
            await resolver.resolve(f"{number}.big.example.org", "TXT")
        server.asked.clear()
        for number in [0, 1]:
            await resolver.resolve(f"{number}.big.example.org", "TXT")
        assert [name for name, *_ in server.asked] == ["1.big.example.org"]

    ask(serve_zone(ZONE), conversation)


class Gate:
    """A zone behind a gate; `waiting` is how many queries stand before it."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.arrived = asyncio.Semaphore(0)
        self._zone = serve_zone(ZONE)

    async def __call__(self, query: Query) -> bytes | None:
        self.arrived.release()
        await self.is_open.wait()
        return await self._zone(query)


def test_many_askers_share_one_query_and_none_takes_it_from_the_others() -> None:
    gate = Gate()

    async def conversation(server: NameServer) -> None:
        resolver = server.resolver()
        tasks = [asyncio.create_task(resolver.resolve("example.org", "A")) for _ in range(50)]
        await gate.arrived.acquire()
        for task in tasks[:49]:
            task.cancel()
        await asyncio.wait(tasks[:49])
        gate.is_open.set()
        assert (await tasks[49]).records == ("192.0.2.1",)
        assert len(server.asked) == 1

    ask(gate, conversation)


def test_the_answer_is_kept_even_if_nobody_waits_for_it_any_more() -> None:
    gate = Gate()

    async def conversation(server: NameServer) -> None:
        resolver = server.resolver()
        asker = asyncio.create_task(resolver.resolve("example.org", "A"))
        await gate.arrived.acquire()
        asker.cancel()
        await asyncio.wait([asker])
        gate.is_open.set()
        assert (await resolver.resolve("example.org", "A")).records == ("192.0.2.1",)
        assert len(server.asked) == 1

    ask(gate, conversation)


def test_only_so_many_queries_are_in_flight() -> None:
    gate = Gate()

    async def conversation(server: NameServer) -> None:
        resolver = server.resolver(max_in_flight=2)
        names = [f"{number}.big.example.org" for number in range(10)]
        askers = [asyncio.create_task(resolver.resolve(name, "TXT")) for name in names]
        await gate.arrived.acquire()
        await gate.arrived.acquire()
        # A third one would be on its way by now: a query to another port needs as many steps.
        async with serving(serve_zone(ZONE)) as other:
            await other.resolver().resolve("example.org", "A")
        assert len(server.asked) == 2
        gate.is_open.set()
        await asyncio.gather(*askers)
        assert len(server.asked) == 10

    ask(gate, conversation)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_resolver_may_be_made_before_its_loop_runs(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    names = [f"{number}.big.example.org" for number in range(10)]

    async def resolve_all(resolver: Resolver) -> list[Answer]:
        return await asyncio.gather(*(resolver.resolve(name, "TXT") for name in names))

    with asyncio.Runner(loop_factory=new_loop) as runner:
        serving_zone = serving(serve_zone(ZONE))
        server = runner.run(serving_zone.__aenter__())
        resolver = server.resolver(max_in_flight=2)
        answers = runner.run(resolve_all(resolver))
        runner.run(serving_zone.__aexit__(None, None, None))
    assert [answer.records for answer in answers] == [(b"x" * 1000,)] * 10
