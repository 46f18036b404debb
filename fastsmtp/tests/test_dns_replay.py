"""Synchronous code gets its answers without blocking the loop."""

import asyncio
from collections.abc import Callable

import pytest

from fastsmtp.dns import Answer, Lookup, TemporaryDNSError, with_answers
from fastsmtp.dns.replay import MAX_ROUNDS
from fastsmtp.tests.dns_server import SERVFAIL, NameServer, Query, Zone, serve_zone, serving
from fastsmtp.tests.test_dns_answers import ask, silence

NAMES = [f"{number}.example.org" for number in range(500)]
ZONE: Zone = {
    **{name: [("TXT", name.encode())] for name in NAMES},
    "broken.example.org": [("TXT", SERVFAIL)],
}


def run[T](function: Callable[[Lookup], T], *, zone: Zone = ZONE) -> T:
    return ask(
        serve_zone(zone),
        lambda server: with_answers(server.resolver(), function, timeout=30),
    )


def follow(lookup: Lookup, count: int) -> list[bytes]:
    return [lookup(name, "TXT").records[0] for name in NAMES[:count]]


def test_one_lookup_may_follow_from_another() -> None:
    assert run(lambda lookup: follow(lookup, 20)) == [name.encode() for name in NAMES[:20]]


def test_a_name_that_does_not_exist_is_an_answer() -> None:
    assert run(lambda lookup: lookup("nowhere.example.org", "TXT")) == Answer((), False)


def test_a_failed_lookup_raises_each_time_and_is_asked_once() -> None:
    def count_errors(lookup: Lookup) -> int:
        errors = 0
        for _ in range(3):
            try:
                lookup("broken.example.org", "TXT")
            except TemporaryDNSError:
                errors += 1
        return errors

    async def conversation(server: NameServer) -> None:
        assert await with_answers(server.resolver(), count_errors, timeout=30) == 3
        assert len(server.asked) == 1

    ask(serve_zone(ZONE), conversation)


def test_what_is_in_the_cache_needs_one_run_only() -> None:
    runs = 0

    def follow_and_count(lookup: Lookup) -> list[bytes]:
        nonlocal runs
        runs += 1
        assert not lookup("no..name", "TXT").is_existing
        return follow(lookup, 5)

    async def conversation(server: NameServer) -> None:
        nonlocal runs
        resolver = server.resolver()
        first = await with_answers(resolver, follow_and_count, timeout=30)
        assert runs == 6
        runs = 0
        assert await with_answers(resolver, follow_and_count, timeout=30) == first
        assert runs == 1
        assert len(server.asked) == 5

    ask(serve_zone(ZONE), conversation)


def test_what_the_function_raises_comes_through() -> None:
    def fail(lookup: Lookup) -> None:
        raise ValueError(lookup(NAMES[0], "TXT").records)

    with pytest.raises(ValueError, match=NAMES[0]):
        run(fail)


def test_a_library_that_swallows_exceptions_gets_its_answer_all_the_same() -> None:
    def swallow_exceptions(lookup: Lookup) -> object:
        try:
            return lookup(NAMES[0], "TXT").records
        except Exception:
            return "swallowed"

    assert run(swallow_exceptions) == (NAMES[0].encode(),)


def test_a_library_that_swallows_everything_gets_its_answers_all_the_same() -> None:
    def swallow_all(lookup: Lookup) -> list[object]:
        results: list[object] = []
        for name in NAMES[:3]:
            try:
                results.append(lookup(name, "TXT").records[0])
            except:  # noqa: E722
                results.append("swallowed")
        return results

    assert run(swallow_all) == [name.encode() for name in NAMES[:3]]


def test_a_library_that_turns_exceptions_into_its_own_gets_its_answer_all_the_same() -> None:
    def translate(lookup: Lookup) -> object:
        try:
            return lookup(NAMES[0], "TXT").records
        except BaseException:
            raise ValueError from None

    assert run(translate) == (NAMES[0].encode(),)


def test_answers_stay_the_same_when_they_expire_meanwhile() -> None:
    count = 0

    async def count_up(query: Query) -> bytes | None:
        nonlocal count
        count += 1
        return await serve_zone({query.name: [("TXT", str(count).encode())]})(query)

    def look_twice(lookup: Lookup) -> list[bytes]:
        return [lookup(name, "TXT").records[0] for name in ("a.org", "b.org", "a.org")]

    async def conversation(server: NameServer) -> None:
        ticks = iter(range(0, 10**6, 10**4))  # every look at the clock is hours later
        resolver = server.resolver(clock=lambda: next(ticks))
        assert await with_answers(resolver, look_twice, timeout=30) == [b"1", b"2", b"1"]

    ask(count_up, conversation)


def test_lookups_without_end_are_given_up() -> None:
    async def conversation(server: NameServer) -> None:
        with pytest.raises(TimeoutError):
            await with_answers(
                server.resolver(), lambda lookup: follow(lookup, 500), timeout=float("inf")
            )
        assert len(server.asked) == MAX_ROUNDS

    ask(serve_zone(ZONE), conversation)


def test_a_silent_name_server_ends_at_the_deadline_and_holds_up_nobody() -> None:
    async def conversation(server: NameServer) -> None:
        async with serving(serve_zone(ZONE)) as lively:
            stuck = asyncio.create_task(
                with_answers(
                    server.resolver(timeout=60), lambda lookup: follow(lookup, 1), timeout=1
                )
            )
            quick = with_answers(lively.resolver(), lambda lookup: follow(lookup, 50), timeout=30)
            assert len(await quick) == 50
            assert not stuck.done()
            with pytest.raises(TimeoutError):
                await stuck

    ask(silence, conversation)


def test_an_answer_after_the_deadline_is_there_for_the_next_mail() -> None:
    deadline_passed = asyncio.Event()

    async def answer_late(query: Query) -> bytes | None:
        await deadline_passed.wait()
        return await serve_zone(ZONE)(query)

    async def conversation(server: NameServer) -> None:
        resolver = server.resolver(timeout=60)
        with pytest.raises(TimeoutError):
            await with_answers(resolver, lambda lookup: follow(lookup, 1), timeout=0.1)
        deadline_passed.set()
        found = await with_answers(resolver, lambda lookup: follow(lookup, 1), timeout=30)
        assert (found, len(server.asked)) == ([NAMES[0].encode()], 1)

    ask(answer_late, conversation)
