"""A zone whose name servers say nothing holds up questions about itself only."""

import asyncio

import pytest

from fastsmtp.dns import Answer, Resolver, TemporaryDNSError
from fastsmtp.dns.places import Places, zone_of
from fastsmtp.tests.dns_server import NameServer, Query, Zone, serve_zone
from fastsmtp.tests.test_dns_answers import ask

ZONE: Zone = {name: [("A", "192.0.2.1")] for name in ("www.alive.example", "www.dead.example")}


class Silent:
    """About dead.example, until `is_open`; `asked` is released by each question about it."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def __call__(self, query: Query) -> bytes | None:
        if query.name.endswith("dead.example"):
            self.asked.release()
            await self.is_open.wait()
        return await serve_zone(ZONE)(query)


def ask_for_many(resolver: Resolver, zone: str, count: int) -> list[asyncio.Task[Answer]]:
    return [asyncio.create_task(resolver.resolve(f"{i}.{zone}", "A")) for i in range(count)]


def test_a_dead_zone_leaves_places_for_others() -> None:
    answering = Silent()

    async def conversation(server: NameServer) -> None:
        resolver = server.resolver(timeout=30, max_in_flight=3, max_per_zone=2)
        dead = ask_for_many(resolver, "dead.example", 20)
        await answering.asked.acquire()
        await answering.asked.acquire()
        answer = await resolver.resolve("www.alive.example", "A")
        assert answer.records == ("192.0.2.1",)
        assert sum(name.endswith("dead.example") for name, *_ in server.asked) == 2
        answering.is_open.set()
        await asyncio.gather(*dead)
        assert len(server.asked) == 21

    ask(answering, conversation)


def test_a_name_that_nobody_was_asked_for_is_asked_for_the_next_time() -> None:
    async def conversation(server: NameServer) -> None:
        resolver = server.resolver(timeout=1, max_per_zone=1)
        async with resolver._places.take("dead.example", timeout=30):
            with pytest.raises(TemporaryDNSError, match="too many questions at once"):
                await resolver.resolve("www.dead.example", "A")
        assert server.asked == []
        assert resolver.peek("www.dead.example", "A") is None
        assert (await resolver.resolve("www.dead.example", "A")).is_existing

    ask(serve_zone(ZONE), conversation)


def test_nothing_is_kept_of_a_zone_that_is_not_asked() -> None:
    async def take_many() -> None:
        places = Places(most=2, most_per_zone=1)
        for number in range(100):
            async with places.take(f"{number}.example", timeout=30):
                assert len(places._zones) == 1
        assert len(places._zones) == 0

    asyncio.run(take_many())


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("s1._domainkey.mail.example.org", "example.org"),
        ("example.org", "example.org"),
        ("org", "org"),
        ("s1._domainkey.example.co.uk", "example.co.uk"),
        ("example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("s1._domainkey.co.example", "co.example"),
        ("s1._domainkey.x1.de", "x1.de"),
        ("4.3.2.1.in-addr.arpa", "2.1.in-addr.arpa"),
        (".".join("0" * 24 + "8bd01002") + ".ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_the_zone_of_a_name(name: str, zone: str) -> None:
    assert zone_of(name) == zone
