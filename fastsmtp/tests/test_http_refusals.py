"""A refused call sends no packet, however its URL is written and whatever DNS says."""

import asyncio
from collections.abc import Sequence

import pytest

from fastsmtp.http import AddressNotAllowed, AddressPolicy, Answer
from fastsmtp.http.door import Door, Resolve
from fastsmtp.tests.http_receiver import LOOPBACK, NOTHING_INTERNAL, OK, always, once, receiving

# All of them lead to 127.0.0.1 in one HTTP client or another.
WAYS_TO_WRITE_LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000127.0.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::80ff:fffe]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:7f00:0001]",
    "[fe80::1%25eth0]",
    "0.0.0.1",
    "[::1%25lo]",
    "[::1%lo]",
    "localhost",
    "LOCALHOST",
    "localhost..",
    "ⅼocalhost",
    "１２７.０.０.１",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "localhost。",
    "[127.0.0.1]",
    "[[::1]]",
    "①②⑦.⓪.⓪.①",
    "127%2e0.0.1",
    "%31%32%37.0.0.1",
    "user@127.0.0.1",
    "@127.0.0.1",
    "hook.example@127.0.0.1",
    "hook.example:80@127.0.0.1",
    "hook.example\\@127.0.0.1",
    "127.0.0.1\\hook.example",
    "127.0.0.1\t",
    "127.0.0.1\r\n",
    "\\127.0.0.1",
    "\u00ad127.0.0.1",
]


@pytest.mark.parametrize("host", WAYS_TO_WRITE_LOOPBACK)
def test_no_way_of_writing_an_address_gets_a_packet_out(host: str) -> None:
    async def scenario() -> None:
        async with receiving(always(OK)) as receiver, Door(NOTHING_INTERNAL) as door:
            with pytest.raises(AddressNotAllowed):
                await door.post(receiver.url(host=host), body=b"", headers={}, timeout=20)
            assert await receiver.count_connections() == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["", "hook.example", "ftp://127.0.0.1/", "http://a/#b"])
def test_what_is_no_url_is_not_allowed(url: str) -> None:
    async def scenario() -> None:
        async with Door(LOOPBACK) as door:
            await door.post(url, body=b"", headers={}, timeout=20)

    with pytest.raises(AddressNotAllowed, match="URL|host name"):
        asyncio.run(scenario())


class _Names:
    """Answers with each of `answers` in turn, and with the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        # A look-up takes a while; meanwhile others want the same name.
        await asyncio.sleep(0.01)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def _post_to_name(
    resolve: Resolve, policy: AddressPolicy, *, calls: int = 1
) -> list[Answer | BaseException]:
    """The outcomes; asserts that refused calls connected nowhere."""
    async with receiving(always(OK)) as receiver, Door(policy, resolve=resolve) as door:
        url = receiver.url(host="hook.example")
        posts = (door.post(url, body=b"", headers={}, timeout=20) for _ in range(calls))
        outcomes = await asyncio.gather(*posts, return_exceptions=True)
        answered = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        assert len(receiver.requests) == len(answered)
        if not answered:
            assert await receiver.count_connections() == 0
        return outcomes


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["::ffff:127.0.0.1"]],
)
def test_one_internal_address_refuses_the_name(addresses: list[str]) -> None:
    outcomes = asyncio.run(_post_to_name(_Names(addresses), NOTHING_INTERNAL, calls=3))
    assert [type(outcome) for outcome in outcomes] == [AddressNotAllowed] * 3
    assert "hook.example (" in str(outcomes[0])


def test_a_refused_name_is_looked_up_again_at_the_next_call() -> None:
    names = _Names(["10.0.0.1"], ["127.0.0.1"])

    async def scenario() -> Answer:
        async with receiving(always(OK)) as receiver, Door(LOOPBACK, resolve=names) as door:
            url = receiver.url(host="hook.example")
            with pytest.raises(AddressNotAllowed, match="10.0.0.1"):
                await door.post(url, body=b"", headers={}, timeout=20)
            return await door.post(url, body=b"", headers={}, timeout=20)

    assert asyncio.run(scenario()).status == 200


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that is public for the check and internal for the connection (DNS rebinding)."""
    only_two = AddressPolicy.parse(["127.0.0.2"], [])
    names = _Names(["127.0.0.2"], ["127.0.0.1"])

    async def scenario() -> list[str | None]:
        async with Door(only_two, resolve=names) as door:
            server = await asyncio.start_server(_answer_and_close, "0.0.0.0", 0)
            async with server:
                url = f"http://hook.example:{server.sockets[0].getsockname()[1]}/"
                # Every one of these needs a new connection.
                posts = [await door.post(url, body=b"", headers={}, timeout=20) for _ in range(3)]
                return [answer.address for answer in posts]

    assert asyncio.run(scenario()) == ["127.0.0.2"] * 3
    assert names.asked == ["hook.example"]


async def _answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    writer.close()


def test_many_calls_at_once_look_a_name_up_once() -> None:
    names = _Names(["127.0.0.1"])
    outcomes = asyncio.run(_post_to_name(names, LOOPBACK, calls=20))
    assert {type(outcome) for outcome in outcomes} == {Answer}
    assert names.asked == ["hook.example"]


def test_our_own_port_is_refused_by_name_and_by_address() -> None:
    async def scenario() -> None:
        async with receiving(always(OK)) as receiver:
            policy = AddressPolicy.parse(["hook.example", "127.0.0.0/8"], [receiver.port])
            async with Door(policy, resolve=_Names(["127.0.0.1"])) as door:
                for host in ("hook.example", "127.0.0.1"):
                    with pytest.raises(AddressNotAllowed, match="belongs to FastSMTP"):
                        await door.post(receiver.url(host=host), body=b"", headers={}, timeout=20)
            assert await receiver.count_connections() == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [301, 307, 308])
def test_a_redirect_to_the_inside_is_not_followed(status: int) -> None:
    async def scenario() -> None:
        only_two = AddressPolicy.parse(["127.0.0.2"], [])
        async with (
            receiving(always(OK)) as inside,
            Door(only_two, resolve=_Names(["127.0.0.2"])) as door,
        ):
            head = (
                f"HTTP/1.1 {status} Away\r\nLocation: {inside.url()}\r\nContent-Length: 0\r\n\r\n"
            )
            async with receiving(once(head.encode()), host="127.0.0.2") as outside:
                url = outside.url(host="hook.example")
                answer = await door.post(url, body=b"", headers={}, timeout=20)
            assert answer.status == status
            assert await inside.count_connections() == 0

    asyncio.run(scenario())
