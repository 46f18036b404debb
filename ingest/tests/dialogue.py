"""Conversations with an SMTP server, written down as they happen.

    talk.play('''
        S: 220 *
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<a@b.example>
        C: RCPT TO:<info@example.com>
        S: 250 2.1.0 *
        S: 250 2.1.5 *
    ''')

Lines of the client that follow each other are sent in one piece, as a pipelining client does.
`S:` is the last line of one reply; a star in it stands for anything.
"""

import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import groupby
from types import TracebackType
from typing import Self

TIMEOUT = 30.0  # seconds for a reply: only a server that hangs gets there


class Talk:
    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT)
        # Small, so that a test which does not listen comes to the point.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.connect(("127.0.0.1", port))
        self._lines = self.socket.makefile("rb")
        if tls is not None:
            self.start_tls(tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hang_up()

    def play(self, script: str) -> None:
        lines = [line.strip() for line in script.strip().splitlines()]
        for side, group in groupby(lines, key=lambda line: line[:2]):
            spoken = [line[3:] for line in group]
            if side == "C:":
                self.send("".join(f"{line}\r\n" for line in spoken))
            else:
                assert side == "S:", f"who says “{spoken[0]}”?"
                for expected in spoken:
                    self.expect(expected)

    def send(self, text: str | bytes) -> None:
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def send_until_blocked(
        self, data: bytes, *, limit: int = 128 * 1024 * 1024, pause: float = 0.0
    ) -> int:
        """Repeats the data without listening, with `pause` seconds in between, until nobody takes
        it any more; returns how many bytes were taken from us."""
        self.socket.settimeout(1)
        sent = 0
        with suppress(TimeoutError, ConnectionError):
            while sent < limit:
                sent += self.socket.send(data)
                time.sleep(pause)
        self.socket.settimeout(TIMEOUT)
        return sent

    def expect(self, pattern: str) -> None:
        *_, last = self.reply()
        assert fnmatchcase(last, pattern.replace("[", "[[]")), f"{last} instead of {pattern}"

    def ask(self, line: str) -> str:
        """The last line of the reply to one command."""
        self.send(f"{line}\r\n")
        *_, last = self.reply()
        return last

    def reply(self) -> list[str]:
        """The lines of the next reply; empty when the server has closed the connection."""
        return list(self._reply_lines()) or [""]

    def _reply_lines(self) -> Iterator[str]:
        while line := self._lines.readline().decode():
            assert line.endswith("\r\n"), line
            yield line.rstrip("\r\n")
            if line[3:4] != "-":
                return

    @property
    def is_closed(self) -> bool:
        """Waits for the server to close, or for its next word."""
        try:
            return self._lines.peek(1) == b""
        except ConnectionResetError:
            return True

    def wait_for_end(self) -> None:
        """Reads whatever the server says until it has closed."""
        try:
            self._lines.read()
        except ConnectionResetError:
            return

    @property
    def cipher(self) -> str:
        assert isinstance(self.socket, ssl.SSLSocket)
        name, *_ = self.socket.cipher() or ("",)
        return name

    def start_tls(self, context: ssl.SSLContext) -> None:
        """The handshake alone, as after STARTTLS or on the port for TLS."""
        self._lines.close()
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._lines = self.socket.makefile("rb")

    def finish_sending(self) -> None:
        """Closes our half: the server reads the end and may still answer."""
        self.socket.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        self._lines.close()
        self.socket.close()

    def reset(self) -> None:
        """Hangs up as a crashing machine does, with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()


def begin(port: int) -> Talk:
    """A conversation in which a sender and a recipient are given: next comes DATA."""
    talk = Talk(port)
    talk.play("""
        S: 220 *
        C: EHLO client.example
        S: 250 HELP
        C: MAIL FROM:<ada@sender.example>
        S: 250 2.1.0 *
        C: RCPT TO:<info@example.com>
        S: 250 2.1.5 *
    """)
    return talk


def begin_data(port: int) -> Talk:
    """The same, up to where the message is expected."""
    talk = begin(port)
    talk.play("""
        C: DATA
        S: 354 *
    """)
    return talk


def send_mail(port: int, content: bytes = b"Subject: Hello\r\n\r\nIt works.\r\n") -> str:
    """The reply to one message, in a conversation of its own."""
    with begin_data(port) as talk:
        talk.send(content + b".\r\n")
        return talk.reply()[-1]
