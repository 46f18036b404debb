"""A server in front of the broker that can make a worker deaf: it stays connected, and what it
waits for never comes. As with a connection that something on its way has forgotten."""

import socket
import socketserver
import threading
from contextlib import suppress
from typing import Self

from delivery.tests.roomy_servers import RoomyThreadingTCPServer


class BrokerFront:
    """Of a broker at a port of 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.is_waited_for = threading.Event()  # somebody waits for tasks, as Celery does
        self._is_deaf = threading.Event()
        front = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with (
                    suppress(OSError),
                    socket.create_connection(("127.0.0.1", port)) as broker,
                ):
                    threading.Thread(target=_copy, args=(broker, self.request), daemon=True).start()
                    while data := self.request.recv(65536):
                        if b"BRPOP" in data and front._waits():
                            continue
                        broker.sendall(data)

        self._server = RoomyThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._server.server_address[1]}/0"

    def deafen(self) -> None:
        """From now on nobody hears of a task."""
        self._is_deaf.set()

    def _waits(self) -> bool:
        """Returns whether that is in vain."""
        self.is_waited_for.set()
        return self._is_deaf.is_set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
