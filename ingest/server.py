"""The SMTP server: sockets, sessions, and an orderly end."""

import asyncio
import logging
import socket
import ssl
from functools import partial
from weakref import WeakSet

from fastsmtp.config import Config
from ingest.bell import Bell
from ingest.budget import ByteBudget
from ingest.handler import Handler
from ingest.protocol import SMTPProtocol
from ingest.tls import server_context
from ingest.writer import Writer

log = logging.getLogger(__name__)

DATA_BUDGET = 128 * 1024 * 1024  # bytes of DATA in progress in this process
BACKLOG = 1024  # connections the kernel holds for us
IDLE_TIMEOUT = 300.0  # seconds without a byte (RFC 5321 §4.5.3.2.7)


class Server:
    def __init__(
        self,
        config: Config,
        *,
        idle_timeout: float = IDLE_TIMEOUT,
        data_budget: int = DATA_BUDGET,
    ) -> None:
        self._config = config
        self._idle_timeout = idle_timeout
        self._bell = Bell()
        self._writer = Writer(on_stored=self._bell.ring)
        self._handler = Handler(
            writer=self._writer,
            budget=ByteBudget(data_budget),
            max_recipients=config.smtp_max_recipients,
        )
        self._sessions: WeakSet[SMTPProtocol] = WeakSet()

    async def serve(self, stopping: asyncio.Event) -> None:
        """Listens until `stopping` is set, then finishes what is under way.

        Raises OSError when a port is taken, ssl.SSLError for a certificate that cannot be used.
        """
        tls = self._tls_context()
        listeners = [await self._listen(self._config.smtp_port, starttls=tls)]
        if tls is not None:
            listeners.append(await self._listen(self._config.smtp_tls_port, implicit=tls))
        self._writer.start()
        self._bell.start()
        log.info("SMTP on %s:%d", self._config.smtp_host, self._config.smtp_port)
        await stopping.wait()
        for listener in listeners:
            listener.close()
        await self._drain()
        await asyncio.to_thread(self._handler.stop)
        await asyncio.to_thread(self._writer.stop)
        await asyncio.to_thread(self._bell.stop)

    def _tls_context(self) -> ssl.SSLContext | None:
        certificate, key = self._config.smtp_tls_cert, self._config.smtp_tls_key
        return server_context(certificate, key) if certificate and key else None

    async def _listen(
        self,
        port: int,
        *,
        starttls: ssl.SSLContext | None = None,
        implicit: ssl.SSLContext | None = None,
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            partial(self._session, starttls),
            self._config.smtp_host,
            port,
            ssl=implicit,
            backlog=BACKLOG,
        )

    def _session(self, starttls: ssl.SSLContext | None) -> SMTPProtocol:
        config = self._config
        session = SMTPProtocol(
            self._handler,
            hostname=config.smtp_hostname or socket.gethostname(),
            data_size_limit=config.smtp_max_message_size,
            enable_SMTPUTF8=True,
            tls_context=starttls,
            require_starttls=config.smtp_require_starttls,
            timeout=self._idle_timeout,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    async def _drain(self) -> None:
        """Sessions between two mails are told to go; the others may finish theirs."""
        conversations = []
        for session in list(self._sessions):
            if session.conversation is not None:
                session.finish()
                conversations.append(session.conversation)
        if conversations:
            seconds = self._config.shutdown_timeout.total_seconds()
            _, unfinished = await asyncio.wait(conversations, timeout=seconds)
            if unfinished:
                log.warning("%d sessions were still open after %g s", len(unfinished), seconds)
