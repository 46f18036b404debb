"""Whatever goes wrong on the wire has one of six kinds."""

import asyncio
import errno
import re
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastsmtp.http import Answer, Unreachable
from fastsmtp.http.addresses import AddressPolicy
from fastsmtp.http.door import Door, Resolve
from fastsmtp.tests.http_receiver import (
    LOOPBACK,
    OK,
    Answering,
    always,
    once,
    post,
    receiving,
)

HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"


def _reset_after(data: bytes) -> Answering:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        # With a linger of zero the kernel sends RST instead of FIN.
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return answer


def _drip(data: bytes, *, more: bytes) -> Answering:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        while True:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0.02)

    return answer


async def _silence(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def _kind_of(answer: Answering, *, timeout: float = 20) -> str:
    with pytest.raises(Unreachable) as caught:
        post(answer, timeout=timeout)
    assert caught.value.reason == str(caught.value)
    return caught.value.kind


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nConte", HALF_AN_ANSWER])
def test_a_broken_connection_is_a_reset(data: bytes) -> None:
    assert _kind_of(_reset_after(data)) == "reset"
    assert _kind_of(once(data)) == "reset"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mx.example.com ESMTP\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
    ],
)
def test_what_is_not_http_is_a_protocol_failure(data: bytes) -> None:
    assert _kind_of(once(data)) == "protocol"


@pytest.mark.parametrize(
    "data",
    [
        b"s3cret-t0ken\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ns3cret-t0ken\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: s3cret-t0ken" + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret-t0ken\r\n",
    ],
)
def test_a_protocol_failure_repeats_neither_the_answer_nor_the_url(data: bytes) -> None:
    with pytest.raises(Unreachable) as caught:
        post(once(data))
    assert "did not answer in HTTP: " in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "http://" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        _silence,
        _drip(b"HTTP/1.1 200 OK\r\nX: ", more=b"x"),
        _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", more=b"x"),
        _drip(b"", more=b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silence", "head", "body", "interim"],
)
def test_the_deadline_ends_silence_and_slow_drips(answer: Answering) -> None:
    assert _kind_of(answer, timeout=0.3) == "timeout"


def test_nobody_listening_is_a_connect_failure() -> None:
    async def scenario(port: int) -> None:
        async with Door(LOOPBACK) as door:
            await door.post(f"http://127.0.0.1:{port}/", body=b"", headers={}, timeout=20)

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="127.0.0.1") as caught:
            asyncio.run(scenario(bound.getsockname()[1]))
    assert caught.value.kind == "connect"


def test_a_connection_that_does_not_come_about_is_a_connect_failure() -> None:
    """Five seconds bound it, however long the whole attempt may take."""

    async def scenario() -> None:
        async with Door(LOOPBACK) as door:
            with socket.create_server(("127.0.0.1", 0)) as mute:
                url = f"https://127.0.0.1:{mute.getsockname()[1]}/"
                await door.post(url, body=b"", headers={}, timeout=100)

    with pytest.raises(Unreachable) as caught:
        asyncio.run(scenario())
    assert caught.value.kind == "connect"


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), None])
def test_a_name_without_address_is_a_dns_failure(error: OSError | None) -> None:
    async def resolve(host: str) -> list[str]:
        if error:
            raise error
        return []

    async def scenario() -> None:
        async with Door(LOOPBACK, resolve=resolve) as door:
            await door.post("http://hook.example/", body=b"", headers={}, timeout=20)

    with pytest.raises(Unreachable, match="hook.example does not resolve") as caught:
        asyncio.run(scenario())
    assert caught.value.kind == "dns"


def test_why_is_told_when_no_number_of_the_system_says_it() -> None:
    """Each address may have failed in its own way: one is of a broadcast, at one nobody listens."""
    both = AddressPolicy.parse(["127.0.0.0/8", "::1"], [])

    async def two(_: str) -> list[str]:
        return ["127.255.255.255", "::1"]

    async def none(_: str) -> list[str]:
        raise OSError("its zone is broken")

    async def scenario(resolve: Resolve) -> None:
        async with Door(both, resolve=resolve) as door:
            await door.post("http://hook.example:9/", body=b"", headers={}, timeout=20)

    with pytest.raises(Unreachable, match="connect to hook.example: Multiple exceptions: .+"):
        asyncio.run(scenario(two))
    with pytest.raises(Unreachable, match="does not resolve: its zone is broken"):
        asyncio.run(scenario(none))


def test_who_hangs_up_at_once_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system knows the peer of a connection no more once it was reset."""

    def forget(_: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(socket.socket, "getpeername", forget, raising=False)
    (answer,), _ = post(always(OK))
    assert answer.address is None
    assert _kind_of(_reset_after(b"")) == "reset"


def test_a_failure_does_not_spoil_the_next_call() -> None:
    async def scenario() -> Answer:
        answers = [_reset_after(HALF_AN_ANSWER), always(OK)]

        async def answer(writer: asyncio.StreamWriter) -> None:
            await answers.pop(0)(writer)

        async with receiving(answer) as receiver, Door(LOOPBACK) as door:
            with pytest.raises(Unreachable):
                await door.post(receiver.url(), body=b"", headers={}, timeout=20)
            return await door.post(receiver.url(), body=b"", headers={}, timeout=20)

    assert asyncio.run(scenario()).status == 200


def test_cancelling_passes_through_and_ends_the_connection() -> None:
    async def scenario() -> None:
        arrived, hung_up = asyncio.Event(), asyncio.Event()

        async def drip_to_the_end(writer: asyncio.StreamWriter) -> None:
            arrived.set()
            await _until_hung_up(writer, hung_up)

        async with receiving(drip_to_the_end) as receiver, Door(LOOPBACK) as door:
            call = asyncio.create_task(door.post(receiver.url(), body=b"", headers={}, timeout=100))
            await arrived.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await hung_up.wait()

    asyncio.run(scenario())


def test_the_deadline_ends_the_connection_too() -> None:
    async def scenario() -> None:
        hung_up = asyncio.Event()

        async def drip_to_the_end(writer: asyncio.StreamWriter) -> None:
            await _until_hung_up(writer, hung_up)

        async with receiving(drip_to_the_end) as receiver, Door(LOOPBACK) as door:
            # The exception is kept, as a recorder would, and with it all it refers to.
            with pytest.raises(Unreachable) as caught:
                await door.post(receiver.url(), body=b"", headers={}, timeout=0.3)
            await hung_up.wait()
            assert caught.value.kind == "timeout"

    asyncio.run(scenario())


async def _until_hung_up(writer: asyncio.StreamWriter, hung_up: asyncio.Event) -> None:
    try:
        await _drip(b"HTTP/1.1 200 OK\r\n\r\n", more=b"x")(writer)
    except ConnectionError:
        hung_up.set()


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from(
        [
            b"",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        ]
    ),
    rest=st.binary(max_size=300),
)
def test_no_bytes_of_a_receiver_escape_the_two_outcomes(head: bytes, rest: bytes) -> None:
    try:
        [answer], _ = post(once(head + rest), timeout=10)
        outcome = f"{answer.status:03}"
    except Unreachable as error:
        outcome = error.kind
    assert outcome in {"reset", "protocol"} or re.fullmatch(r"\d{3}", outcome)
