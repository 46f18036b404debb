"""A kept-alive connection that its receiver has closed meanwhile is no failed try."""

import asyncio
import socket
import struct
from collections.abc import Sequence

import pytest

from fastsmtp.http import Unreachable
from fastsmtp.tests.http_receiver import OK, Answering, Receiver, always, once, post

NOTHING = once(b"")


async def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _post_twice(*replies: Answering) -> tuple[Sequence[int | str], Receiver]:
    """The status or the kind of failure of each; the replies answer in turn."""
    left = list(replies)

    async def answer(writer: asyncio.StreamWriter) -> None:
        await left.pop(0)(writer)

    answers, receiver = post(answer, times=2, body=b'{"n":1}')
    assert not left
    return [answer.status for answer in answers], receiver


@pytest.mark.parametrize("ending", [NOTHING, _reset], ids=["close", "reset"])
def test_the_request_is_sent_once_more_on_a_new_connection(ending: Answering) -> None:
    statuses, receiver = _post_twice(always(OK), ending, always(OK))
    assert statuses == [200, 200]
    assert receiver.accepted == 2
    assert [request.body for request in receiver.requests] == [b'{"n":1}'] * 3


@pytest.mark.parametrize("ending", [NOTHING, _reset], ids=["close", "reset"])
def test_but_only_once(ending: Answering) -> None:
    with pytest.raises(Unreachable) as caught:
        _post_twice(always(OK), ending, ending)
    assert caught.value.kind == "reset"


def test_a_new_connection_that_ends_is_a_failure_at_once() -> None:
    calls = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        calls.append(writer)
        writer.close()

    with pytest.raises(Unreachable) as caught:
        post(answer)
    assert caught.value.kind == "reset"
    assert len(calls) == 1


@pytest.mark.parametrize(
    "beginning", [b"H", b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_whoever_has_begun_to_answer_has_seen_the_request(beginning: bytes) -> None:
    calls = []
    replies = [always(OK), once(beginning)]

    async def answer(writer: asyncio.StreamWriter) -> None:
        calls.append(writer)
        await replies.pop(0)(writer)

    with pytest.raises(Unreachable) as caught:
        post(answer, times=2)
    assert caught.value.kind == "reset"
    assert len(calls) == 2
