"""A connection: how it begins and ends, lines in, replies out, and its change to TLS.

aiosmtpd gives the streams, the timer and the state. What differs is the end: aiosmtpd stops
working for a client that has merely finished sending, and cancels what is under way when one
hangs up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from aiosmtpd.smtp import SMTP

from ingest import replies
from ingest.limits import ConnectionCount, Limits, is_in
from ingest.rates import Rate
from ingest.session import ClientSession
from ingest.transaction import Transaction

log = logging.getLogger(__name__)

MAX_COMMAND = 2048  # octets; RFC 5321 §4.5.3.1.4 asks for 512, parameters and UTF-8 need more
MAX_UNSENT = 4096  # bytes of replies; more than any group of commands that makes sense


class Gone(Exception):
    """The client has ended the connection; what it had not finished does not count."""


class Connection(SMTP):
    # Beyond twice this many bytes the stream stops reading from the socket.
    line_length_limit = 64 * 1024
    session: ClientSession
    envelope: Transaction
    conversation: asyncio.Task[None] | None = None
    _unsent = b""  # answers to commands that are followed by another one that has arrived already
    _is_listening = False
    _is_ending = False

    def __init__(
        self,
        handler: object,
        *,
        limits: Limits,
        connections: ConnectionCount,
        connection_rate: Rate | None = None,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
        proxied: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(handler, **settings)
        self.limits = limits
        self._connections = connections
        self._connection_rate = connection_rate
        self._trusted = trusted
        self._proxied = proxied

    def _create_session(self) -> ClientSession:
        return ClientSession(self.loop)

    def _create_envelope(self) -> Transaction:
        return Transaction()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.session.describe(transport, proxied=self._proxied)
        self.conversation = self._handler_coroutine

    def eof_received(self) -> bool | None:
        """A client that has finished sending still gets its replies (`printf … | nc -N`)."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The conversation ends by itself, when it reads or writes: a commit is never cancelled
        half way because a client hangs up."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        asyncio.StreamReaderProtocol.connection_lost(self, error)

    async def _handle_client(self) -> None:
        address = self.session.client_ip
        is_counted = self._connections.enter(address, is_trusted=self._is_trusted(address))
        try:
            if not is_counted:
                await self._send(replies.TOO_MANY_CONNECTIONS)
            elif not self._is_within(self._connection_rate):
                await self._send(replies.CONNECTION_RATE)
            else:
                await self._converse()
        except Gone:
            log.debug("%s hung up", address)
        finally:
            if is_counted:
                self._connections.leave(address)
            self._writer.close()

    def _is_trusted(self, address: str) -> bool:
        return is_in(address, self._trusted)

    def _is_within(self, rate: Rate | None) -> bool:
        """Counts one more of this client."""
        address = self.session.client_ip
        return rate is None or self._is_trusted(address) or rate.admits(address)

    async def _converse(self) -> None:
        """Returns when all is said; raises Gone."""
        raise NotImplementedError

    def finish(self) -> None:
        """For the shutdown: ends the session after the mail in progress, at once if there is
        none."""
        self._is_ending = True
        if self._is_listening and self._may_end:
            self._hang_up(replies.SHUTTING_DOWN)

    @property
    def _may_end(self) -> bool:
        return self._is_ending and self.envelope.mail_from is None

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Every byte is a sign of life, but a mail has to come to its end."""
        duration = duration or self.limits.idle
        if self.envelope.deadline is not None:
            duration = min(duration, max(self.envelope.deadline - self.loop.time(), 0.001))
        super()._reset_timeout(duration)

    def _timeout_cb(self) -> None:
        deadline = self.envelope.deadline
        is_late = deadline is not None and deadline <= self.loop.time()
        self._hang_up(replies.TOO_SLOW if is_late else replies.IDLE)

    def _hang_up(self, reply: str) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._unsent + reply.encode() + b"\r\n")
        if self._writer.transport.get_write_buffer_size():  # closing would wait for its reading
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _read_line(self) -> bytes | None:
        """None for a line that is too long; it is read to its end."""
        is_too_long = False
        self._is_listening = True
        while True:
            try:
                line = await self._receive(self._reader.readuntil())
            except asyncio.LimitOverrunError as error:
                is_too_long = True
                await self._receive(self._reader.read(error.consumed))
            else:
                self._is_listening = False
                return None if is_too_long or len(line) > MAX_COMMAND else line

    async def _begins_with(self, start: bytes) -> bool:
        """Of what comes next; it stays to be read. Waits for no more than it takes to know."""
        heard = bytearray()
        self._is_listening = True
        while len(heard) < len(start) and start.startswith(heard):
            heard += await self._receive(self._reader.read(len(start) - len(heard)))
        self._is_listening = False
        self._push_back(heard)
        return heard == start

    async def _receive(self, reading: Awaitable[bytes]) -> bytes:
        """Raises Gone at the end of the stream, however it came."""
        try:
            data = await reading
        except (OSError, asyncio.IncompleteReadError):
            raise Gone from None
        if not data or self._writer.is_closing():
            raise Gone
        self._reset_timeout()
        return data

    def _push_back(self, rest: bytearray) -> None:
        """It will be read once more."""
        if rest:
            self._reader._buffer[:0] = rest  # type: ignore[attr-defined]

    async def _answer(self, reply: str) -> None:
        """Answers of a group of pipelined commands go out together (RFC 2920 §3.2)."""
        if b"\n" not in self._reader._buffer:  # type: ignore[attr-defined]
            await self._send(reply)
        elif len(self._unsent) < MAX_UNSENT:
            self._unsent += reply.encode() + b"\r\n"
        else:
            await self._send(reply)
            # Nothing above waits while the client reads along, and others want their turn.
            await asyncio.sleep(0)

    async def _send(self, reply: str) -> None:
        if self._writer.is_closing():
            raise Gone
        self._writer.write(self._unsent + reply.encode() + b"\r\n")
        self._unsent = b""
        try:
            await self._writer.drain()
        except OSError:
            raise Gone from None

    async def _switch_to_tls(self) -> None:
        """RFC 3207. Nothing that was sent in clear is heard or known afterwards: somebody in the
        middle could have put it there (§4.2, §6)."""
        assert self.tls_context is not None
        self._reader._buffer.clear()  # type: ignore[attr-defined]
        try:
            await self._writer.start_tls(
                self.tls_context, ssl_handshake_timeout=self.limits.handshake
            )
        except OSError as error:
            log.info("no TLS with %s: %s", self.session.client_ip, error)
            self.connection_lost(error)
            raise Gone from None
        # The writer's method leaves the reader, which pauses and resumes, with the old transport.
        self._reader._transport = self._writer.transport  # type: ignore[attr-defined]
        self._set_rset_state()
        self.session = self._create_session()
        self.session.describe(self._writer.transport, proxied=self._proxied)
