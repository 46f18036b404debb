"""An HTTP receiver for webhooks: answers at once, remembers what came, or misbehaves as told.

Each path is an endpoint. `GET /results` tells what came, as JSON; `GET /count` only how many, and
`GET /count/1a2b3c` how many of one load.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

import uvloop

from benchmarks.answers import BEHAVIOURS, OK, Answer, Behaviour, Piece, parse_behaviour
from benchmarks.mails import run_of

_MESSAGE_ID = re.compile(rb'"message_id": ?"<?([^">]*)')
# In the text of a mail the quotes would be escaped.
_VERIFIED = (b'"dkim_result":"pass"', b'"spf_result":"pass"')


class Arrival(NamedTuple):
    """One request, at the moment its last byte was here (monotonic nanoseconds)."""

    at: int
    path: str
    webhook_id: str
    unique_id: str
    attempt: int
    status: int  # of our answer; 0 for none, and for one without its end
    is_verified: bool = False  # DKIM and SPF say `pass`


class Receiver:
    """Inside an event loop: `await receiver.start()`, then `receiver.url("/e/0")`."""

    def __init__(self, behaviours: Mapping[str, Behaviour] | None = None) -> None:
        self.behaviours = dict(behaviours or {})
        self.received: list[Arrival] = []
        self.delivered: set[tuple[str, str]] = set()  # (path, unique id) that got a 2xx
        self.counts: Counter[str] = Counter()  # of those, by load
        self.port = 0

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def receive(
        self, *, path: str, webhook_id: str, unique_id: str, attempt: int, is_verified: bool
    ) -> Answer | None:
        answer = self.behaviours.get(path, OK)()
        status = answer.status if answer and answer.is_whole else 0
        self.received.append(
            Arrival(time.monotonic_ns(), path, webhook_id, unique_id, attempt, status, is_verified)
        )
        if 200 <= status < 300 and (path, unique_id) not in self.delivered:
            self.delivered.add((path, unique_id))
            self.counts[run_of(unique_id)] += 1
        return answer

    def report(self, path: str) -> bytes:
        if path == "/results":
            return json.dumps(self.received).encode()
        run = path.removeprefix("/count").removeprefix("/")
        return json.dumps(self.counts[run] if run else self.counts.total()).encode()


def count_duplicates(arrivals: Iterable[Arrival]) -> int:
    """How often a mail came again to a path that had answered it with a 2xx."""
    counts = Counter(
        (arrival.path, arrival.unique_id) for arrival in arrivals if 200 <= arrival.status < 300
    )
    return sum(count - 1 for count in counts.values())


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with kept-alive connections and Content-Length, and nothing else of it."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = bytearray()
        self._needed = 0  # bytes of the request that is coming in; 0 while its head is incomplete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._needed:
            self._read_head()
        if self._needed and len(self._buffer) >= self._needed:
            self._read_request()

    def _read_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        self._head = bytes(self._buffer[: end + 2])
        self._lower_head = self._head.lower()
        self._body_at = end + 4
        self._needed = self._body_at + int(self._header(b"content-length") or 0)

    def _header(self, name: bytes) -> str:
        start = self._lower_head.find(b"\r\n%b:" % name)
        if start < 0:
            return ""
        start += len(name) + 3
        return self._head[start : self._head.index(b"\r\n", start)].strip().decode("latin-1")

    def _read_request(self) -> None:
        method, path, _ = self._head.split(b" ", 2)
        if method == b"GET":
            self._report(path.decode())
        else:
            self._receive(path.decode())
        # Callers wait for the answer before they send again, so nothing follows yet.
        self._buffer.clear()
        self._needed = 0

    def _receive(self, path: str) -> None:
        message_id = _MESSAGE_ID.search(self._buffer, self._body_at)
        answer = self._receiver.receive(
            path=path,
            webhook_id=self._header(b"webhook-id"),
            unique_id=message_id[1].decode() if message_id else "",
            attempt=int(self._header(b"fastsmtp-attempt") or 0),
            is_verified=all(self._buffer.find(text, self._body_at) >= 0 for text in _VERIFIED),
        )
        if answer is not None:
            self._write(answer.pieces())

    def _write(self, pieces: Iterator[Piece]) -> None:
        """The ones that are due; then again when the next one is."""
        for content, wait in pieces:
            if self._transport.is_closing():
                return
            if content is None:
                self._transport.abort()
                return
            self._transport.write(content)
            if wait:
                asyncio.get_running_loop().call_later(wait, self._write, pieces)
                return

    def _report(self, path: str) -> None:
        content = self._receiver.report(path)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(content) + content)


async def _serve(port: int, behaviours: Mapping[str, Behaviour]) -> None:
    receiver = Receiver(behaviours)
    await receiver.start(port)
    print(receiver.url("/"), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receiver", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--behaviour",
        action="append",
        default=[],
        metavar="PATH=NAME[:NUMBER]",
        help=f"{', '.join(BEHAVIOURS)}; such as /e/3=busy:20",
    )
    arguments = parser.parse_args()
    pairs = (text.split("=", 1) for text in arguments.behaviour)
    behaviours = {path: parse_behaviour(text) for path, text in pairs}
    uvloop.run(_serve(arguments.port, behaviours))


if __name__ == "__main__":
    main()
