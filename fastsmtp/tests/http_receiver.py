"""A receiver of webhooks on 127.0.0.1 that answers with whatever bytes a test wants."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastsmtp.http import AddressPolicy, Answer
from fastsmtp.http.door import Door

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LOOPBACK = AddressPolicy.parse(["127.0.0.0/8"], [])
NOTHING_INTERNAL = AddressPolicy.parse([], [])

type Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    line: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Receiver:
    """What came in. `accepted` counts connections, also those that sent nothing."""

    port: int = 0
    accepted: int = 0
    requests: list[Request] = field(default_factory=list)

    def url(self, path: str = "/", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def count_connections(self) -> int:
        """Connects once itself: connections are accepted in order, so no earlier one is missed."""
        before = self.accepted
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write_eof()
        await reader.read()
        writer.close()
        assert self.accepted > before
        return self.accepted - 1


def always(data: bytes) -> Answering:
    """Every request gets `data`."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def once(data: bytes) -> Answering:
    """The request gets `data`, then the connection ends."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


@contextlib.asynccontextmanager
async def receiving(
    answer: Answering, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    sessions: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        receiver.accepted += 1
        try:
            while request := await _read_request(reader):
                receiver.requests.append(request)
                await answer(writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sessions.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for session in sessions:
            session.cancel()
        for outcome in await asyncio.gather(*sessions, return_exceptions=True):
            # The door may break off a call at any time.
            if not isinstance(outcome, None | asyncio.CancelledError | ConnectionError):
                raise outcome


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (f.partition(":") for f in fields)]
    lengths = [int(value) for name, value in headers if name.lower() == "content-length"]
    return Request(line=line, headers=headers, body=await reader.readexactly(sum(lengths)))


def post(
    answer: Answering,
    *,
    times: int = 1,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    timeout: float = 20,
    policy: AddressPolicy = LOOPBACK,
) -> tuple[list[Answer], Receiver]:
    """Sends so many requests, one after the other, through one door."""

    async def scenario() -> tuple[list[Answer], Receiver]:
        async with receiving(answer) as receiver, Door(policy) as door:
            answers = [
                await door.post(receiver.url(), body=body, headers=headers or {}, timeout=timeout)
                for _ in range(times)
            ]
            return answers, receiver

    return asyncio.run(scenario())
