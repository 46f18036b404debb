"""A receiver of webhooks on 127.0.0.1, in threads: each path answers as it was told."""

import socket
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

import orjson

from delivery.tests.roomy_servers import RoomyThreadingHTTPServer
from harness.waiting import wait_until


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""  # instead of an answer in HTTP


@dataclass(frozen=True)
class Call:
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def payload(self) -> Any:
        return orjson.loads(self.body)


class WebhookReceiver:
    """`calls` in the order of their arrival. A path of which nothing was told answers 200."""

    def __init__(self, *, port: int = 0) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        self._replies: dict[str, deque[Reply]] = defaultdict(lambda: deque([Reply()]))
        self._released: dict[str, threading.Event] = {}
        self._indigestible: dict[bytes, Reply] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()
                receiver._open.add(self.connection)

            def finish(self) -> None:
                receiver._open.discard(self.connection)
                with suppress(ConnectionError):
                    super().finish()

            def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
                # The door may break off a call at any time.
                with suppress(ConnectionError):
                    receiver._receive(self)

            def log_message(self, *_: object) -> None:
                """The calls are the log."""

        self._server = RoomyThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for event in self._released.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        # Its threads would go on answering on the connections that they have.
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def answer(self, path: str, *replies: int | Reply) -> None:
        """From now on, in turn; the last one stays."""
        self._replies[path] = deque(
            reply if isinstance(reply, Reply) else Reply(reply) for reply in replies
        )

    def choke_on(self, part: bytes, status: int) -> None:
        """Every call with `part` in its body is answered so, at any path."""
        self._indigestible[part] = Reply(status)

    def hang(self, path: str) -> None:
        """Takes calls and does not answer until `let_go`."""
        self._released[path] = threading.Event()

    def let_go(self, path: str) -> None:
        self._released[path].set()

    def calls_of(self, path: str) -> list[Call]:
        return [call for call in list(self.calls) if call.path == path]

    def wait_for_calls(self, count: int, *, path: str = "/", timeout: float = 20) -> list[Call]:
        """At least so many; raises TimeoutError (seconds)."""
        wait_until(lambda: len(self.calls_of(path)) >= count, timeout=timeout)
        return self.calls_of(path)

    def _receive(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._lock:
            self.calls.append(Call(request.path, headers, body))
            reply = self._next_reply(request.path, body)
        if request.path in self._released:
            self._released[request.path].wait()
        _write(request, reply)

    def _next_reply(self, path: str, body: bytes) -> Reply:
        for part, reply in self._indigestible.items():
            if part in body:
                return reply
        replies = self._replies[path]
        return replies.popleft() if len(replies) > 1 else replies[0]


def _write(request: BaseHTTPRequestHandler, reply: Reply) -> None:
    if reply.raw:
        request.wfile.write(reply.raw)
        request.close_connection = True
        return
    request.send_response(reply.status)
    for name, value in reply.headers.items():
        request.send_header(name, value)
    request.send_header("content-length", "2")
    request.end_headers()
    request.wfile.write(b"ok")
