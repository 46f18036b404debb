"""An SMTP server that answers as told, in the event loop of the test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session

HANG_UP = ""


class ScriptedHandler:
    """Answers each DATA with the next reply of the script, and with 250 when it is over."""

    def __init__(self, replies: Sequence[str] = (), *, refused: str | None = None) -> None:
        self._replies = list(replies)
        self._refused = refused
        self.mails: list[bytes] = []
        self.recipients: list[str] = []
        self.clients: set[object] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self._refused:
            return "550 5.1.1 Nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        self.clients.add(session.peer)
        reply = self._replies.pop(0) if self._replies else "250 OK"
        if reply == HANG_UP:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return reply


@asynccontextmanager
async def smtp_server(handler: ScriptedHandler) -> AsyncIterator[int]:
    """The port of a server that lasts as long as the block."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="stand-in.example", loop=loop), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
