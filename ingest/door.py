"""The door: what comes before a session's first word, the header of a proxy and the handshake of a
port that speaks TLS from the first byte.

Nothing has been said yet, so whoever is too many, too slow or too late is closed without a word.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from typing import cast

from ingest.limits import ConnectionCount, Limits, is_in
from ingest.proxy import missing, parse
from ingest.session import peer_address

log = logging.getLogger(__name__)

type NewSession = Callable[[str | None], asyncio.BaseProtocol]
type Networks = Sequence[IPv4Network | IPv6Network]


class Door:
    """Of one server. Those who wait here are counted apart from the sessions, by the same caps;
    `proxies` have to say first whom they bring, and like `trusted` have no cap of their own."""

    def __init__(
        self, *, waiting: ConnectionCount, proxies: Networks, trusted: Networks, limits: Limits
    ) -> None:
        self._waiting = waiting
        self._proxies = proxies
        self._trusted = trusted
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def protocol(
        self, new_session: NewSession, *, tls: ssl.SSLContext | None
    ) -> Callable[[], asyncio.BaseProtocol]:
        """For a listener. `tls` is for a port that speaks it at once."""

        def admit(connection: socket.socket, peer: str) -> None:
            if self._is_closed:  # it came in while the listeners closed
                connection.close()
                return
            task = asyncio.get_running_loop().create_task(
                self._admit(connection, peer, new_session, tls)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return partial(_Doorman, admit)

    async def close(self) -> None:
        """Sends away all who wait or come. Who has come through by then is a session."""
        self._is_closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _admit(
        self,
        connection: socket.socket,
        peer: str,
        new_session: NewSession,
        tls: ssl.SSLContext | None,
    ) -> None:
        is_proxy = is_in(peer, self._proxies)
        if not self._waiting.enter(peer, is_trusted=is_proxy or is_in(peer, self._trusted)):
            log.info("too many connections wait at the door, %s closed", peer)
            connection.close()
            return
        try:
            client = await self._client(connection, peer) if is_proxy else None
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(new_session, client),
                connection,
                ssl=tls,
                ssl_handshake_timeout=self._limits.handshake if tls else None,
            )
        except EOFError:  # such is the health check of many a balancer
            connection.close()
        except (ValueError, OSError) as error:
            log.info("connection of %s closed: %s", peer, error)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._waiting.leave(peer)

    async def _client(self, connection: socket.socket, peer: str) -> str | None:
        """Whom the proxy brings. Raises EOFError, ValueError, OSError."""
        header = b""
        try:
            async with asyncio.timeout(self._limits.proxy_header):
                while count := missing(header):
                    chunk = await asyncio.get_running_loop().sock_recv(connection, count)
                    if not chunk:
                        raise EOFError
                    header += chunk
        except TimeoutError:
            raise ValueError("no PROXY header in time") from None
        return parse(header)


class _Doorman(asyncio.Protocol):
    """Reads nothing: what follows a header may be in the same packet, and a TLS handshake cannot be
    given what a transport has read already. So its transport ends, and a copy of the socket stays.
    """

    def __init__(self, admit: Callable[[socket.socket, str], None]) -> None:
        self._admit = admit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = peer_address(transport)
        try:
            connection = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        except OSError as error:  # too many open files
            log.warning("connection of %s closed: %s", peer, error)
            return
        finally:
            cast(asyncio.Transport, transport).abort()
        connection.setblocking(False)
        self._admit(connection, peer)
