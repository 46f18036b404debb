"""A connection: who is let in, how it ends, and its change to TLS.

What differs from aiosmtpd's is the end: that stops working for a client that has merely finished
sending, and cancels what is under way when one hangs up.
"""

import asyncio
import logging
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from ingest import replies
from ingest.limits import ConnectionCount, is_in
from ingest.rates import Rate
from ingest.session import ClientSession
from ingest.stream import Gone, Stream

log = logging.getLogger(__name__)


class Connection(Stream):
    session: ClientSession
    conversation: asyncio.Task[None] | None = None
    _is_ending = False

    def __init__(
        self,
        handler: object,
        *,
        connections: ConnectionCount,
        connection_rate: Rate | None = None,
        trusted: Sequence[IPv4Network | IPv6Network] = (),
        proxied: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(handler, **settings)
        self._connections = connections
        self._connection_rate = connection_rate
        self._trusted = trusted
        self._proxied = proxied

    def _create_session(self) -> ClientSession:
        return ClientSession(self.loop)

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
            if self._is_ending:  # it came in while the listeners closed
                await self._send(replies.SHUTTING_DOWN)
            elif not is_counted:
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
