"""Connections of the door: what aiohttp's do, and what they do not tell or bound by themselves."""

import asyncio
from functools import partial
from typing import Any, Self

import aiohttp
from aiohttp.client_proto import ResponseHandler

# A stream that never becomes an answer would keep the event loop, and with it everybody's calls,
# busy with parsing. So there is a limit of octets on the wire (interim answers, heads, the framing
# of chunks, line breaks; our own limit of the body is far below), and one of interim answers
# (RFC 9110 §15.2), of which nobody sends more than one or two: they cost most per octet.
MAX_OCTETS = 1024 * 1024
MAX_INTERIM_ANSWERS = 16


class WentStale(aiohttp.ClientConnectionError):
    """A kept-alive connection ended before a byte came in answer to the request.

    Most likely the receiver had closed it as idle, or was restarted, and has not seen the request
    (RFC 9112 §9.3.1). It may have seen it, too, as with every call that breaks off.
    """


class Connection(ResponseHandler):
    """`is_reused` when it has brought an answer before; `octets` came in answer to this request."""

    is_reused = False
    octets = 0
    _interim_answers = 0

    def set_response_params(self, **params: Any) -> None:
        """A request begins."""
        self.octets = 0
        self._interim_answers = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        self.octets += len(data)
        if self.octets > MAX_OCTETS:
            self._refuse("an answer without end")
        else:
            super().data_received(data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        message, _ = data
        self._interim_answers += 100 <= message.code < 200
        if self._interim_answers <= MAX_INTERIM_ANSWERS:
            super().feed_data(data, size)
        else:
            self._refuse("interim answers without end")

    def _refuse(self, what: str) -> None:
        self.set_exception(aiohttp.ClientError(what))
        if self.transport is not None:
            self.transport.abort()


class Connector(aiohttp.TCPConnector):
    """Makes `Connection`s."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        factory: Any = partial(Connection, loop=asyncio.get_running_loop())
        self._factory = factory


class Response(aiohttp.ClientResponse):
    """Remembers who answered: a short answer has given its connection back before we could ask."""

    peer: str | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> Self:
        if connection.transport is not None:
            # A connection that was reset at once has none.
            name = connection.transport.get_extra_info("peername")
            self.peer = name[0] if name else None
        protocol = connection.protocol
        assert isinstance(protocol, Connection)
        try:
            await super().start(connection)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if protocol.is_reused and not protocol.octets:
                raise WentStale(str(error)) from error
            raise
        protocol.is_reused = True
        return self
