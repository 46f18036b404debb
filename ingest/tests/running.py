"""The SMTP server, running in this process or as one of its own."""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import uvloop

from delivery.tests.database_url import database_url
from fastsmtp.config import config
from harness.processes import Process, free_port, is_listening, listeners
from harness.waiting import wait_until
from ingest.limits import Limits
from ingest.protocol import SMTPProtocol
from ingest.server import Server

MANAGE = Path(__file__).parents[2] / "manage.py"


class ServerInThread:
    """A server on spare ports, with an event loop as in production, in a thread of its own."""

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        **settings: Any,
    ) -> None:
        self.port, self.tls_port = free_port(), free_port()
        has_tls = "smtp_tls_cert" in settings
        self._open_ports = (self.port, self.tls_port) if has_tls else (self.port,)
        self.server = Server(
            config().model_copy(
                update={
                    "smtp_port": self.port,
                    "smtp_tls_port": self.tls_port,
                    "smtp_hostname": "mx.example.com",
                    **settings,
                }
            ),
            limits,
        )
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), name="smtpd")

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await self.server.serve(self._stopping)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: not self._thread.is_alive() or self.is_open)
        assert self._thread.is_alive()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.tell_to_stop()
        self._thread.join()

    @property
    def waiting_mails(self) -> int:
        """How many have come in that the writer has not taken yet."""
        return len(self.server._writer._queue)

    @property
    def session_count(self) -> int:
        return len(self._conversations())

    @property
    def held_bytes(self) -> int:
        """Of DATA in progress."""
        return self.server._handler._budget.used

    @property
    def counted_connections(self) -> int:
        return self.server._connections._count

    @property
    def waiting_connections(self) -> int:
        """At the door."""
        return self.server._door._waiting._count

    @property
    def is_storing(self) -> bool:
        """A session has read its message and not answered yet."""
        return any(
            not session._is_listening and session.envelope.mail_from is None
            for session in self._conversations()
        )

    def _conversations(self) -> list[SMTPProtocol]:
        return [
            session
            for session in list(self.server._sessions)
            if session.conversation is not None and not session.conversation.done()
        ]

    @property
    def is_open(self) -> bool:
        return all(is_listening(port) for port in self._open_ports)

    @property
    def is_draining(self) -> bool:
        return self.server._is_draining

    def accept(self, connection: socket.socket, *, has_door: bool) -> None:
        """As a listener does, even after those have closed."""
        session = partial(self.server._session, None)
        factory = self.server._door.protocol(session, tls=None) if has_door else session
        accepting = self._loop.connect_accepted_socket(factory, connection)
        asyncio.run_coroutine_threadsafe(accepting, self._loop).result()

    def tell_to_stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    @property
    def is_committing(self) -> bool:
        """The writer is busy with all that has come in."""
        return self.is_storing and self.waiting_mails == 0

    def break_lookups(self) -> None:
        """From now on nobody can be looked up, for a reason that no code expects."""
        self.server._handler._threads.shutdown()


class ServerProcess:
    """`manage.py smtpd` on the database of the test."""

    def __init__(
        self, folder: Path, *, command: Sequence[str] = ("smtpd",), **settings: str | int | Path
    ) -> None:
        self.port, self.tls_port = free_port(), free_port()
        self.process = Process(
            [sys.executable, MANAGE, *command],
            log=folder / "smtpd.log",
            folder=folder,
            environment={
                **os.environ,
                "FASTSMTP_DATABASE_URL": database_url(),
                "FASTSMTP_REDIS_URL": config().broker_url,
                "FASTSMTP_SMTP_PORT": str(self.port),
                "FASTSMTP_SMTP_TLS_PORT": str(self.tls_port),
                **{f"FASTSMTP_{name.upper()}": str(value) for name, value in settings.items()},
            },
        )

    def __enter__(self) -> Self:
        # Several processes start one after the other, on a machine that has more to do.
        self.process.wait_until(lambda: is_listening(self.port), timeout=90)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()

    def receivers(self) -> list[psutil.Process]:
        return listeners(self.process.pid, self.port)

    def log(self) -> str:
        return self.process.log.read_text()
