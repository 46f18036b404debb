"""What a receiver sees of a request, and what is kept of its answer."""

import asyncio

import pytest

from fastsmtp.http import AddressPolicy, Answer
from fastsmtp.http.door import KEPT_LIMIT, READ_LIMIT, Door
from fastsmtp.tests.http_receiver import LOOPBACK, OK, always, post, receiving


def test_an_answer_has_status_headers_body_and_address() -> None:
    [answer], _ = post(always(b"HTTP/1.1 410 Gone\r\nX-Why: moved\r\nContent-Length: 3\r\n\r\nbye"))
    assert (answer.status, answer.headers["x-why"], answer.excerpt, answer.address) == (
        410,
        "moved",
        b"bye",
        "127.0.0.1",
    )
    assert answer.duration > 0


@pytest.mark.parametrize("body", [b"", b'{"subject":"\xc3\xa4"}', bytes(range(256)) * 8192])
def test_the_body_arrives_unchanged_with_its_length(body: bytes) -> None:
    _, receiver = post(always(OK), body=body)
    [request] = receiver.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert request.line == "POST / HTTP/1.1"
    assert request.body == body
    assert headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in headers


def test_no_header_is_added_but_host_and_length() -> None:
    given = {"content-type": "application/json; charset=utf-8", "X-Token": "s3cr3t  =", "a": "b"}
    _, receiver = post(always(OK), headers=given)
    [request] = receiver.requests
    added = dict(request.headers).keys() - given.keys()
    assert {name.lower() for name in added} == {"host", "content-length"}
    assert dict(request.headers).items() >= given.items()
    assert ("Host", f"127.0.0.1:{receiver.port}") in request.headers


def test_the_path_and_query_arrive_as_written() -> None:
    path = "/hook/a%2Fb/%C3%A4?sig=a%2Bb%3D&x=1+2&x=%26"

    async def scenario() -> str:
        async with receiving(always(OK)) as receiver, Door(LOOPBACK) as door:
            await door.post(receiver.url(path), body=b"", headers={}, timeout=20)
            return receiver.requests[0].line

    assert asyncio.run(scenario()) == f"POST {path} HTTP/1.1"


def test_one_connection_serves_many_requests() -> None:
    answers, receiver = post(always(OK), times=5)
    assert [answer.status for answer in answers] == [200] * 5
    assert [answer.address for answer in answers] == ["127.0.0.1"] * 5
    assert receiver.accepted == 1


def test_many_requests_run_at_once() -> None:
    """The receiver answers nobody before all have come."""

    async def scenario() -> list[Answer]:
        everybody_is_here = asyncio.Barrier(30)

        async def answer(writer: asyncio.StreamWriter) -> None:
            await everybody_is_here.wait()
            writer.write(OK)

        async with receiving(answer) as receiver, Door(LOOPBACK) as door:
            calls = (door.post(receiver.url(), body=b"", headers={}, timeout=20) for _ in range(30))
            return await asyncio.gather(*calls)

    assert {answer.status for answer in asyncio.run(scenario())} == {200}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    redirect = f"HTTP/1.1 {status} Away\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    [answer], receiver = post(always(redirect.encode()))
    assert answer.status == status
    assert len(receiver.requests) == 1


def test_cookies_are_not_kept() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"

    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1"]

    async def scenario() -> set[str]:
        async with receiving(always(cookie)) as receiver, Door(LOOPBACK, resolve=resolve) as door:
            # A name, because cookie jars have no cookies for addresses.
            for _ in range(2):
                url = receiver.url(host="hook.example")
                await door.post(url, body=b"", headers={}, timeout=20)
            return {name.lower() for name, _ in receiver.requests[1].headers}

    assert "cookie" not in asyncio.run(scenario())


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    [answer], _ = post(always(OK))
    assert answer.status == 200


def test_compressed_answers_stay_compressed() -> None:
    bomb = b"\x1f\x8b not really gzip"
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    [answer], _ = post(always(head.encode() + bomb))
    assert answer.excerpt == bomb


def test_an_interim_answer_is_passed_over() -> None:
    [answer], _ = post(always(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK))
    assert (answer.status, answer.excerpt) == (200, b"ok")


def test_only_the_beginning_of_a_long_body_is_kept() -> None:
    body = b"".join(b"%07d\n" % number for number in range(READ_LIMIT // 16))
    assert KEPT_LIMIT < len(body) < READ_LIMIT
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
    answers, receiver = post(always(head.encode() + body), times=2)
    assert [answer.excerpt for answer in answers] == [body[:KEPT_LIMIT]] * 2
    assert receiver.accepted == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 999999999999", b"Connection: close"])
def test_an_endless_body_is_read_to_the_limit_and_its_connection_ended(framing: bytes) -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        while True:
            writer.write(b"x" * 8192)
            await writer.drain()

    answers, receiver = post(pour, times=2)
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.excerpt for answer in answers] == [b"x" * KEPT_LIMIT] * 2
    assert receiver.accepted == 2


def test_an_answer_that_comes_before_the_body_was_read_counts() -> None:
    """So does a receiver refuse what is too large for it."""

    got_it = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        await got_it.wait()
        writer.close()

    async def scenario() -> Answer:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server, Door(LOOPBACK) as door:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            answer = await door.post(url, body=bytes(20_000_000), headers={}, timeout=20)
            got_it.set()
            return answer

    assert asyncio.run(scenario()).status == 413


def test_a_name_is_looked_up_by_the_system() -> None:
    policy = AddressPolicy.parse(["localhost"], [])

    async def scenario() -> Answer:
        async with receiving(always(OK)) as receiver, Door(policy) as door:
            return await door.post(receiver.url(host="localhost"), body=b"", headers={}, timeout=20)

    assert asyncio.run(scenario()).address == "127.0.0.1"
