"""The receiver remembers what came, counts repetitions, and misbehaves as told."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import pytest

from benchmarks.answers import Answer, Behaviour, always, missing_for, parse_behaviour
from benchmarks.receiver import Arrival, Receiver, count_duplicates

type Scenario = Callable[[Receiver, aiohttp.ClientSession], Awaitable[None]]


def body(unique_id: str) -> bytes:
    return b'{"message_id":"<%b>","subject":"hello"}' % unique_id.encode()


def run(scenario: Scenario, behaviours: Mapping[str, Behaviour] | None = None) -> Receiver:
    async def play() -> Receiver:
        receiver = Receiver(behaviours)
        await receiver.start()
        async with aiohttp.ClientSession() as session:
            await scenario(receiver, session)
        await receiver.stop()
        return receiver

    return asyncio.run(play())


async def post(
    receiver: Receiver, session: aiohttp.ClientSession, path: str, unique_id: str
) -> int:
    headers = {"Webhook-Id": f"w-{unique_id}", "fastsmtp-attempt": "2"}
    async with session.post(receiver.url(path), data=body(unique_id), headers=headers) as response:
        await response.read()
        return response.status


def test_requests_are_remembered() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        for number in range(3):
            assert await post(receiver, session, f"/e/{number}", f"b-run-{number}") == 200

    received = run(scenario).received
    assert [arrival._replace(at=0) for arrival in received] == [
        Arrival(0, f"/e/{number}", f"w-b-run-{number}", f"b-run-{number}", 2, 200)
        for number in range(3)
    ]
    assert received[0].at < received[1].at < received[2].at


@pytest.mark.parametrize(
    ("content", "is_verified"),
    [
        (b'{"dkim_result":"pass","dkim_domain":null,"spf_result":"pass"}', True),
        (b'{"dkim_result":"fail","spf_result":"pass"}', False),
        (b'{"dkim_result":"pass","spf_result":"none"}', False),
        (b'{"body_text":"\\"dkim_result\\":\\"pass\\"","spf_result":"pass"}', False),
    ],
)
def test_what_verification_said_is_remembered(content: bytes, is_verified: bool) -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        async with session.post(receiver.url("/e/0"), data=content) as response:
            await response.read()

    (arrival,) = run(scenario).received
    assert arrival.is_verified == is_verified


def test_a_body_in_many_segments_is_one_request() -> None:
    content = body("b-run-1") + b" " * 300_000
    request = b"POST /e/0 HTTP/1.1\r\nHost: x\r\ncontent-length: %d\r\n\r\n" % len(content)

    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        for piece in (request[:10], request[10:], content[:20], content[20:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    assert [arrival.unique_id for arrival in run(scenario).received] == ["b-run-1"]


def test_the_same_mail_at_the_same_path_is_a_duplicate() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        for path in ("/e/0", "/e/0", "/e/0", "/e/1"):
            await post(receiver, session, path, "b-run-1")

    receiver = run(scenario)
    assert count_duplicates(receiver.received) == 2
    assert len(receiver.delivered) == 2


def test_a_retry_after_a_failure_is_no_duplicate() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        receiver.behaviours["/e/0"] = parse_behaviour("status:500")
        assert await post(receiver, session, "/e/0", "b-run-1") == 500
        del receiver.behaviours["/e/0"]
        assert await post(receiver, session, "/e/0", "b-run-1") == 200

    receiver = run(scenario)
    assert [arrival.status for arrival in receiver.received] == [500, 200]
    assert count_duplicates(receiver.received) == 0


def test_a_busy_endpoint_names_its_time() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        async with session.post(receiver.url("/e/0"), data=body("x")) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "20")

    run(scenario, {"/e/0": parse_behaviour("busy:20")})


def test_a_missing_endpoint_comes_back() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        assert await post(receiver, session, "/e/0", "x") == 404
        await asyncio.sleep(0.06)
        assert await post(receiver, session, "/e/0", "x") == 200

    run(scenario, {"/e/0": missing_for(0.05)})


def test_a_hanging_endpoint_stops_no_other() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        hanging = asyncio.create_task(post(receiver, session, "/e/0", "x"))
        assert await post(receiver, session, "/e/1", "y") == 200
        await asyncio.sleep(0.01)
        assert not hanging.done()
        hanging.cancel()

    statuses = {arrival.path: arrival.status for arrival in run(scenario, HANGING).received}
    assert statuses == {"/e/0": 0, "/e/1": 200}


HANGING = {"/e/0": always(None)}


def test_a_slow_endpoint_answers_in_the_end() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        assert await post(receiver, session, "/e/0", "x") == 200

    run(scenario, {"/e/0": parse_behaviour("slow:0.02")})


def test_an_answer_comes_in_drops() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        async with session.post(receiver.url("/e/0"), data=body("x")) as response:
            assert (response.status, await response.read()) == (200, b"slow")

    drops = always(Answer(200, content=b"slow", drip=0.005))
    assert [arrival.status for arrival in run(scenario, {"/e/0": drops}).received] == [200]


@pytest.mark.parametrize("drip", [0, 0.005])
def test_an_answer_that_is_cut_off_is_none(drip: float) -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        async with session.post(receiver.url("/e/0"), data=body("x")) as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    cut = always(Answer(200, content=b"x" * 4, drip=drip, is_whole=False))
    receiver = run(scenario, {"/e/0": cut})
    assert [arrival.status for arrival in receiver.received] == [0]
    assert receiver.delivered == set()


def test_results_are_told_over_http() -> None:
    async def scenario(receiver: Receiver, session: aiohttp.ClientSession) -> None:
        await post(receiver, session, "/e/0", "b-run-1")
        async with session.get(receiver.url("/count")) as response:
            assert await response.json() == 1
        async with session.get(receiver.url("/results")) as response:
            assert [Arrival(*values) for values in await response.json()] == receiver.received

    assert len(run(scenario).received) == 1


def test_an_unknown_behaviour_is_an_error() -> None:
    with pytest.raises(KeyError):
        parse_behaviour("dance")
