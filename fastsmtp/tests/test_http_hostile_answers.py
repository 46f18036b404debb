"""Streams that never become an answer are cut off: soon, in little memory, without others noticing.

Each is poured as fast as it is taken. What ends a call here is a limit, never the deadline.
"""

import asyncio

import pytest

from fastsmtp.http import Unreachable
from fastsmtp.http.connections import MAX_OCTETS
from fastsmtp.http.door import KEPT_LIMIT
from fastsmtp.tests.http_receiver import OK, Answering, once, post

LONG = 300.0  # seconds: a deadline that no test waits for
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Pouring:
    """`poured` counts octets; more than the limit and what the sockets hold were never taken."""

    def __init__(self, first: bytes, more: bytes) -> None:
        self.first, self.more = first, more
        self.poured = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self.first)
        while True:
            writer.write(self.more)
            self.poured += len(self.more)
            await writer.drain()


ENDLESS = {
    "100": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "103": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
    "line breaks": (b"", b"\r\n" * 4000),
    "reason": (b"HTTP/1.1 200 ", b"O" * 8000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: yyyyyyyyyyyyyy\r\n" * 400),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 8000),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: yyyyyyyyyyyyyy\r\n" * 400),
    "chunk extensions": (CHUNKED + b"1;", b"e=aaaaaaaaaa;" * 600),
    "size of a chunk": (CHUNKED, b"0" * 8000),
}


@pytest.mark.parametrize(("first", "more"), ENDLESS.values(), ids=ENDLESS)
def test_a_stream_without_progress_is_cut_off(first: bytes, more: bytes) -> None:
    pouring = Pouring(first, more)
    with pytest.raises(Unreachable) as caught:
        post(pouring, timeout=LONG)
    assert caught.value.kind in ("protocol", "reset")
    assert pouring.poured < 16 * MAX_OCTETS


def test_tiny_chunks_count_as_the_body_they_are() -> None:
    answers, receiver = post(Pouring(CHUNKED, b"1\r\nx\r\n" * 1000), times=2, timeout=LONG)
    assert [answer.excerpt for answer in answers] == [b"x" * KEPT_LIMIT] * 2
    assert receiver.accepted == 2


def test_a_compressed_bomb_is_not_opened() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 999999999\r\n\r\n"
    [answer], _ = post(Pouring(head, b"\x1f\x8b" * 4000), timeout=LONG)
    assert answer.excerpt == (b"\x1f\x8b" * KEPT_LIMIT)[:KEPT_LIMIT]


def test_a_few_interim_answers_are_fine_for_every_request() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(interim + OK)

    answers, receiver = post(answer, times=3)
    assert [answer.status for answer in answers] == [200] * 3
    assert receiver.accepted == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/0.9 is older than heads\r\n",
        b"<html>HTTP/0.9 answers with the body alone</html>",
        b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
        CHUNKED + b"FFFFFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"-1\r\nx\r\n",
        CHUNKED + b"2\r\nxx_",
    ],
)
def test_what_lies_about_itself_is_no_answer(data: bytes) -> None:
    with pytest.raises(Unreachable) as caught:
        post(once(data), timeout=LONG)
    assert caught.value.kind in ("protocol", "reset")


def test_a_body_that_ends_too_early_is_a_reset() -> None:
    with pytest.raises(Unreachable) as caught:
        post(once(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"), timeout=LONG)
    assert caught.value.kind == "reset"


def test_the_reason_names_neither_the_url_nor_more_than_a_line() -> None:
    """A token in a query is a secret, and reasons are shown and logged."""
    with pytest.raises(Unreachable) as caught:
        post(once(b"220 mx.example.com ESMTP\r\n"), timeout=LONG)
    assert "http://" not in caught.value.reason
    assert "\n" not in caught.value.reason


def test_a_stream_is_cut_off_on_a_kept_connection_too() -> None:
    answers: list[Answering] = [lambda writer: _write(writer, OK), Pouring(*ENDLESS["100"])]

    async def answer(writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(writer)

    with pytest.raises(Unreachable) as caught:
        post(answer, times=2, timeout=LONG)
    assert caught.value.kind == "protocol"


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
