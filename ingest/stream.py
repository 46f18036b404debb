"""Lines in, replies out, and how long either may take.

aiosmtpd gives the streams and the timer.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

from aiosmtpd.smtp import SMTP

from ingest import replies
from ingest.limits import Limits
from ingest.transaction import Transaction

MAX_COMMAND = 2048  # octets; RFC 5321 §4.5.3.1.4 asks for 512, parameters and UTF-8 need more
MAX_LINE = 1024 * 1024  # octets; a longer one ends the session instead of being read to its end
MAX_UNSENT = 4096  # bytes of replies; more than any group of commands that makes sense


class Gone(Exception):
    """The client has ended the connection; what it had not finished does not count."""


class Stream(SMTP):
    # Beyond twice this many bytes the stream stops reading from the socket.
    line_length_limit = 64 * 1024
    envelope: Transaction
    _unsent = b""  # answers to commands that are followed by another one that has arrived already
    _is_listening = False

    def __init__(self, handler: object, *, limits: Limits, **settings: Any) -> None:
        super().__init__(handler, **settings)
        self.limits = limits

    def _create_envelope(self) -> Transaction:
        return Transaction()

    async def _read_line(self) -> bytes | str:
        """Or the reply to one that is too long. Only a whole line is a sign of life (RFC 5321
        §4.5.3.2.7): its bytes could trickle for ever."""
        self._reset_timeout()
        self._is_listening = True
        line: bytes | str
        try:
            line = await self._receive(self._reader.readuntil())
        except asyncio.LimitOverrunError:
            line = await self._skip_line()
        self._is_listening = False
        self._reset_timeout()  # what takes long from here on is ours
        return replies.LINE_TOO_LONG if len(line) > MAX_COMMAND else line

    async def _skip_line(self) -> str:
        """To its end, unless that is too far away."""
        left = MAX_LINE
        while left:
            chunk = await self._receive(self._reader.read(left))
            _, newline, rest = chunk.partition(b"\n")
            if newline:
                self._push_back(rest)
                return replies.LINE_TOO_LONG
            left -= len(chunk)
        return replies.ENDLESS_LINE

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
        return data

    def _push_back(self, rest: bytes | bytearray) -> None:
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

    def _reset_timeout(self, duration: float | None = None) -> None:
        """The idle time begins anew, but a mail has to come to its end."""
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
