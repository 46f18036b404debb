"""Plays dialogues against a server and compares it with the reference."""

import logging
import re
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import zip_longest
from types import TracebackType
from typing import Any, Self

from delivery.models import Message, RawMessage
from harness.waiting import wait_until
from ingest import replies
from ingest.limits import Limits
from ingest.tests.certificates import KeyPair
from ingest.tests.fuzz import reference
from ingest.tests.fuzz.reference import Mail, Reference
from ingest.tests.fuzz.script import Leaving, Listen, Script, Send, StartTLS, Step, Variety
from ingest.tests.running import ServerInThread

TIMEOUT = 20.0  # seconds for a reply: only a server that hangs gets there
HOSTNAME = "mx.example.com"
MAIL = (
    Send(b"EHLO bystander\r\nMAIL FROM:<by@stander.example>\r\nRCPT TO:<info@example.com>\r\n"),
    Send(b"DATA\r\n"),
    Listen(),
    Send(b"All is well.\r\n.\r\n"),
    Listen(),
)
SETTINGS: dict[Variety, dict[str, Any]] = {
    Variety.ORDINARY: {},
    Variety.NORMALIZING: {"smtp_bare_newlines": "normalize"},
    Variety.ENCRYPTED: {"smtp_require_starttls": True},
}

_LINE = re.compile(rb"[2-5]\d\d[ -][\x20-\x7e]*\r\n")
# A reply says nothing else: no text of an exception, nothing of what the client has sent.
_TEXTS = {value for name, value in vars(replies).items() if name.isupper()}
_TEXTS |= {replies.greeting(HOSTNAME), replies.hello(HOSTNAME), "250 HELP"}


class Site:
    """One server of each variety."""

    def __init__(self, key_pair: KeyPair) -> None:
        tls: dict[str, Any] = {
            "smtp_tls_cert": key_pair.certificate,
            "smtp_tls_key": key_pair.key,
        }
        self._trust = ssl.create_default_context(cafile=key_pair.certificate)
        self._servers = {
            variety: ServerInThread(
                limits=Limits(
                    errors=reference.MAX_ERRORS,
                    commands=reference.MAX_COMMANDS,
                    refused_recipients=reference.MAX_REFUSED,
                ),
                smtp_hostname=HOSTNAME,
                smtp_max_message_size=reference.MAX_SIZE,
                smtp_max_recipients=reference.MAX_RECIPIENTS,
                smtp_rate_limit_enabled=False,
                **({} if variety is Variety.NORMALIZING else tls),
                **settings,
            )
            for variety, settings in SETTINGS.items()
        }

    def __enter__(self) -> Self:
        for server in self._servers.values():
            server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers.values():
            server.__exit__(kind, error, traceback)

    def check(self, scripts: Sequence[Script]) -> None:
        """Plays them side by side, a step of each in turn, on the server of the first. Another
        client brings a mail meanwhile and afterwards. Raises AssertionError."""
        variety = scripts[0].variety
        server = self._servers[variety]
        with _no_complaints(), ExitStack() as stack:
            bystander, *clients = (
                stack.enter_context(
                    Client(server.port, Reference(variety), f"127.0.0.{number}", self._trust)
                )
                for number in range(1, 2 + len(scripts))
            )
            if variety is Variety.ENCRYPTED:
                bystander.take(StartTLS())
            for steps in zip_longest(*(script.steps for script in scripts)):
                for client, step in zip(clients, steps, strict=True):
                    if step is not None:
                        client.take(step)
            bystander.take(*MAIL)
            for client, script in zip(clients, scripts, strict=True):
                client.leave(script.leaving)
            wait_until(lambda: server.session_count == 1, timeout=TIMEOUT)
            bystander.take(*MAIL)
            bystander.leave(Leaving.FINISH)
            wait_until(lambda: server.session_count == 0, timeout=TIMEOUT)
        assert server.held_bytes == 0
        assert server.counted_connections == 0
        _compare_stored([bystander, *clients])


class Client:
    """Says what it is told to, and knows what it has to hear. Its address tells its mails from
    those of others."""

    def __init__(
        self, port: int, reference: Reference, address: str, trust: ssl.SSLContext
    ) -> None:
        self.address = address
        self.reference = reference
        self.queued: list[str] = []  # ids that it was told
        self.has_listened_to_the_end = False
        self._trust = trust
        self._heard = 0
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT, (address, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def take(self, *steps: Step) -> None:
        for step in steps:
            match step:
                case Send():
                    self.reference.hear(step.bytes)
                    self._send(step.bytes)
                case Listen():
                    self._listen()
                case StartTLS(injected):
                    begins = self.reference.hear_starttls(injected)
                    self._send(b"STARTTLS\r\n" + injected)
                    self._listen()
                    if begins:
                        self._begin_tls()

    def leave(self, leaving: Leaving) -> None:
        if leaving is Leaving.FINISH:
            self._listen()
            self._finish()
        if leaving is Leaving.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close()

    def _close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except ConnectionError:
            assert self.reference.is_closed

    def _begin_tls(self) -> None:
        self._lines.close()
        self._socket = self._trust.wrap_socket(self._socket, server_hostname="localhost")
        self._lines = self._socket.makefile("rb")

    def _listen(self) -> None:
        """To all that is due."""
        if self._heard == len(self.reference.replies):
            time.sleep(0.002)  # what follows is a packet of its own; it need not be
        for expected in self.reference.replies[self._heard :]:
            reply = self._reply()
            if not reply:
                assert self.reference.is_lossy, f"no {expected}, but the end"
                return
            self._heard += 1
            assert f"{reply} ".startswith(f"{expected} "), f"{reply} instead of {expected}"

    def _finish(self) -> None:
        """Listens until the server ends the connection too, and nothing more may come."""
        self.has_listened_to_the_end = True
        if isinstance(self._socket, ssl.SSLSocket):  # which has no half to close
            return
        with suppress(OSError):  # it was ended by the server
            self._socket.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            rest = self._lines.read()
            assert not rest or self.reference.expects_tls, f"nobody asked for {rest!r}"

    def _reply(self) -> str:
        """The last line of the next one; empty at the end."""
        code = b""
        while True:
            try:
                line = self._lines.readline()
            except ConnectionResetError:
                return ""
            if not line:
                assert not code, "half a reply"
                return ""
            assert _LINE.fullmatch(line), line
            assert line.startswith(code), f"{line!r} goes on with {code!r}"
            if line[3:4] == b" ":
                return self._understand(line.decode("ascii").removesuffix("\r\n"))
            code = line[:3]

    def _understand(self, reply: str) -> str:
        if reply.startswith(replies.QUEUED):
            self.queued.append(reply.removeprefix(replies.QUEUED))
        else:
            assert reply in _TEXTS, reply
        return reply


def _compare_stored(clients: Sequence[Client]) -> None:
    """What is stored is what was sent: all that got a 250, nothing that was refused. Only a client
    that left without listening cannot know which of its last mails were taken."""
    stored = _take_stored()
    for client in clients:
        expected, found = client.reference.mails, stored.pop(client.address, [])
        assert [id for id, _ in found[: len(client.queued)]] == client.queued
        assert [mail for _, mail in found] == expected[: len(found)]
        assert len(found) == len(expected) or not client.has_listened_to_the_end
    assert not stored


def _take_stored() -> dict[str, list[tuple[str, Mail]]]:
    """By the client's address, in the order of arrival. Nothing is left in the database."""
    found: dict[str, list[tuple[str, Mail]]] = {}
    for message in Message.objects.select_related("raw").order_by("id"):
        assert message.raw is not None
        content = message.raw.read()
        assert content is not None
        recipients = tuple(address for address, _ in message.rcpt_to)
        mail = Mail(message.mail_from, recipients, content, message.smtputf8)
        found.setdefault(message.client_ip, []).append((str(message.id), mail))
    Message.objects.all().delete()
    RawMessage.objects.all().delete()
    return found


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _no_complaints() -> Iterator[None]:
    """The server finds nothing of this unexpected."""
    complaints = _Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(complaints)
    assert not complaints.records, [record.getMessage() for record in complaints.records]
