"""One SMTP connection that sends mail after mail, for the least CPU.

The envelope travels in one write, as Postfix does with PIPELINING (RFC 2920), the content in a
second one after the 354. An asyncio Protocol, because streams cost more than all the rest.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, cast


class Mail:
    """One mail on its way; times are in monotonic nanoseconds, 0 for not yet."""

    __slots__ = (
        "code", "content", "dot_at", "loses_reply", "mail_from", "recipient", "replied_at",
        "started_at", "tries", "unanswered", "unique_id",
    )  # fmt: skip

    def __init__(self, *, unique_id: str, mail_from: str, recipient: str, content: bytes) -> None:
        self.unique_id = unique_id
        self.mail_from = mail_from
        self.recipient = recipient
        self.content = content
        self.started_at = self.dot_at = self.replied_at = 0
        self.code = 0
        self.tries = 0
        self.unanswered = 0
        self.loses_reply = False  # the first 250, with its connection


class Dispatcher(Protocol):
    """Who hands out mails and hears what became of them."""

    def connection_idle(self, connection: "Connection") -> None: ...

    def mail_answered(self, mail: Mail) -> None: ...

    def connection_closed(self, connection: "Connection", mail: Mail | None) -> None:
        """`mail` was on its way; nobody knows whether it was stored."""


class Connection(asyncio.Protocol):
    def __init__(self, dispatcher: Dispatcher, *, client_ip: str | None = None) -> None:
        """`client_ip` is told first, in a header of the PROXY protocol."""
        self._dispatcher = dispatcher
        self._client_ip = client_ip
        self._rest = b""
        self._mail: Mail | None = None
        self._needs_reset = False
        self._on_reply: Callable[[int], None] = self._greeted
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._client_ip is not None:
            self._transport.write(b"PROXY TCP4 %b 127.0.0.1 1 25\r\n" % self._client_ip.encode())

    def connection_lost(self, error: Exception | None) -> None:
        mail, self._mail = self._mail, None
        if mail is not None and mail.dot_at:
            mail.unanswered += 1
        self._dispatcher.connection_closed(self, mail)
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                self._on_reply(int(line[:3]))

    def send(self, mail: Mail) -> None:
        self._mail = mail
        mail.tries += 1
        mail.dot_at = 0
        mail.started_at = mail.started_at or time.monotonic_ns()
        self._replies_open = 3 + self._needs_reset
        self._refusal = 0
        self._on_reply = self._envelope_answered
        self._transport.write(
            (b"RSET\r\n" if self._needs_reset else b"")
            + b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n"
            % (mail.mail_from.encode(), mail.recipient.encode())
        )

    def quit(self) -> None:
        """At once when a mail is on its way: a server that hangs would not let us finish."""
        if self._mail is not None:
            self._transport.abort()
            return
        self._transport.write(b"QUIT\r\n")
        self._transport.close()

    def _greeted(self, code: int) -> None:
        if code != 220:
            self._transport.close()
            return
        self._on_reply = self._introduced
        self._transport.write(b"EHLO client.load.example\r\n")

    def _introduced(self, code: int) -> None:
        if code != 250:
            self._transport.close()
            return
        self._become_idle()

    def _become_idle(self) -> None:
        self._on_reply = self._interrupted
        self._dispatcher.connection_idle(self)

    def _interrupted(self, code: int) -> None:
        """A reply that nothing asked for, such as 421 of a server that stops."""
        self._transport.close()

    def _envelope_answered(self, code: int) -> None:
        self._replies_open -= 1
        if code >= 400:
            self._refusal = self._refusal or code
        if self._replies_open:
            return
        if code == 354:
            self._send_content()
        else:
            self._settle(self._refusal or code)

    def _send_content(self) -> None:
        mail = cast(Mail, self._mail)
        self._on_reply = self._content_answered
        if self._refusal:  # RFC 2920 §3.1: DATA went out unasked, so the server waits for its end
            self._transport.write(b".\r\n")
            return
        # uvloop writes at the end of this turn, so latencies are overstated by a few µs.
        self._transport.write(mail.content + b".\r\n")
        mail.dot_at = time.monotonic_ns()

    def _content_answered(self, code: int) -> None:
        mail = cast(Mail, self._mail)
        if mail.loses_reply and code == 250:
            mail.loses_reply = False
            self._transport.abort()  # as if the line had broken before the reply came
            return
        self._settle(self._refusal or code)

    def _settle(self, code: int) -> None:
        mail, self._mail = cast(Mail, self._mail), None
        mail.replied_at = time.monotonic_ns()
        mail.code = code
        self._needs_reset = code != 250
        self._dispatcher.mail_answered(mail)
        if code == 421:  # RFC 5321 §3.8: it is closing
            self._transport.close()
        else:
            self._become_idle()
