"""A result is worked out once for as long as the answers that it was made of hold."""

import pytest

from fastsmtp.dns import Lookup, Memory
from fastsmtp.dns.memory import MAX_OCTETS
from fastsmtp.tests.dns_server import NameServer, Zone, serve_zone
from fastsmtp.tests.test_dns_answers import ask

ZONE: Zone = {name: [("TXT", name.encode())] for name in ("a.example", "b.example")}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Runs:
    """A pure function that tells how often it ran."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, lookup: Lookup) -> list[bytes]:
        result = [record for name in ZONE for record in lookup(name, "TXT").records]
        self.count += 1
        return result


def test_the_same_answers_give_the_known_result() -> None:
    async def conversation(server: NameServer) -> None:
        memory: Memory[str, list[bytes]] = Memory(server.resolver(), most=10)
        function = Runs()
        for _ in range(3):
            assert await memory.recall("key", function, timeout=30) == [b"a.example", b"b.example"]
        assert function.count == 1
        assert await memory.recall("other", function, timeout=30)
        assert function.count == 2

    ask(serve_zone(ZONE), conversation)


def test_an_answer_that_expires_makes_it_forgotten() -> None:
    async def conversation(server: NameServer) -> None:
        clock = Clock()
        resolver = server.resolver(clock=clock)
        memory: Memory[str, list[bytes]] = Memory(resolver, most=10)
        function = Runs()
        await memory.recall("key", function, timeout=30)
        clock.now += 3601  # seconds, longer than any record is kept
        await memory.recall("key", function, timeout=30)
        assert function.count == 2
        assert len(server.asked) == 4

    ask(serve_zone(ZONE), conversation)


def test_what_was_used_longest_ago_goes_first() -> None:
    async def conversation(server: NameServer) -> None:
        memory: Memory[str, list[bytes]] = Memory(server.resolver(), most=2)
        function = Runs()
        for key in ("a", "b", "a", "c"):
            await memory.recall(key, function, timeout=30)
        assert function.count == 3
        await memory.recall("a", function, timeout=30)
        assert function.count == 3
        await memory.recall("b", function, timeout=30)
        assert function.count == 4

    ask(serve_zone(ZONE), conversation)


@pytest.mark.parametrize(("octets", "runs"), [(MAX_OCTETS // 2, 1), (MAX_OCTETS, 2)])
def test_what_rests_on_much_is_not_kept(octets: int, runs: int) -> None:
    """However little of an answer the result needed: all of it would stay in memory."""
    zone = {**ZONE, "b.example": [("TXT", b"v=spf1 -all"), ("TXT", b"x" * octets)]}

    async def conversation(server: NameServer) -> None:
        memory: Memory[str, list[bytes]] = Memory(server.resolver(), most=10)
        function = Runs()
        first = await memory.recall("key", function, timeout=30)
        assert await memory.recall("key", function, timeout=30) == first
        assert function.count == runs

    ask(serve_zone(zone), conversation)
