"""What it costs to read a mail, by the fields that a reader asks for, and how bad input can get.

No server takes part: one core, one mail after the other. Every row says which fields were made.
"""

import statistics
import struct
import time
import tracemalloc
from base64 import encodebytes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.mails import make_template
from benchmarks.progress import ProgressLine
from fastsmtp.mail.authres import remove_forged
from fastsmtp.mail.message import ParsedMessage, parse

ROUNDS = 7
READS = 300  # of the small mail, in a round
MEGABYTE = 1024 * 1024
LARGE = 10 * MEGABYTE

# Each row makes the fields of the ones above it as well.
STEPS: Sequence[tuple[str, Sequence[str]]] = (
    ("headers, attachments", ()),
    ("+ both bodies", ("body_text", "body_html")),
    ("+ addresses", ("addresses",)),
    ("+ reply, invitations", ("reply", "events")),
)


@dataclass(frozen=True, kw_only=True)
class ReadingResult:
    mail: str
    fields: str
    milliseconds: float  # of CPU
    size_mb: float
    peak_mb: float | None  # allocated beside the mail itself; None where it is not of interest


def run_reading(progress: ProgressLine) -> Iterator[ReadingResult]:
    small = make_template(size=4096, recipient="u0@bench.example").render("b-abcdef-1")
    fields: list[str] = []
    for name, more in STEPS:
        fields += more
        progress.show(f"4 KB, {name}")
        yield ReadingResult(
            mail="4 KB",
            fields=name,
            milliseconds=_time_small(small, fields),
            size_mb=len(small) / MEGABYTE,
            peak_mb=None,
        )
    for mail, make in LARGE_MAILS.items():
        progress.show(mail)
        yield _read_large(mail, make(), fields)


def _time_small(raw: bytes, fields: Sequence[str]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(READS):
            _read(raw, fields)
        rounds.append((time.process_time() - start) * 1000 / READS)
    return statistics.median(rounds)


def _read_large(mail: str, raw: bytes, fields: Sequence[str]) -> ReadingResult:
    """Time and memory in two runs: counting allocations takes time."""
    start = time.process_time()
    _read(raw, fields, has_content=True)
    milliseconds = (time.process_time() - start) * 1000
    tracemalloc.start()
    _read(raw, fields, has_content=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return ReadingResult(
        mail=mail,
        fields="all, and every attachment's hash",
        milliseconds=milliseconds,
        size_mb=len(raw) / MEGABYTE,
        peak_mb=peak / MEGABYTE,
    )


def _read(raw: bytes, fields: Sequence[str], *, has_content: bool = False) -> ParsedMessage:
    mail = parse(remove_forged(raw, "mx.bench.example"))
    for name in fields:
        getattr(mail, name)
    if has_content:
        for attachment in mail.attachments:
            assert attachment.sha256
    return mail


def _fill(unit: bytes, *, head: bytes = b"Subject: s\r\n\r\n") -> bytes:
    return head + unit * (LARGE // len(unit))


def _multipart(part: bytes) -> bytes:
    return _fill(b"--m\r\n" + part, head=b"Content-Type: multipart/mixed; boundary=m\r\n\r\n")


def _pack(*attributes: tuple[int, int, bytes]) -> bytes:
    """A `winmail.dat` of attributes with level, id and data."""
    return b"\x78\x9f\x3e\x22\0\0" + b"".join(
        struct.pack("<BHHI", level, name, 6, len(data)) + data + b"\0\0"
        for level, name, data in attributes
    )


_BEGIN = (2, 0x9002, b"")  # a file follows
_WORDS = b"=?a?q?\x81?==?b?q?\x81?="  # the shortest that are decoded one by one

LARGE_MAILS: dict[str, Callable[[], bytes]] = {
    "one attachment": lambda: (
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encodebytes(bytes(range(256)) * (LARGE * 3 // 4 // 256)).replace(b"\n", b"\r\n")
    ),
    "one line": lambda: _fill(b"x"),
    "short lines": lambda: _fill(b"x\r\n"),
    "quotes": lambda: _fill(b"> On a wrote:\r\n"),
    "many parts": lambda: _multipart(b"Content-Type: text/plain; name=a\r\n\r\nx\r\n"),
    "words in parts": lambda: _multipart(
        b"Content-Type: a/b; name=%b\r\nContent-Disposition: attachment; filename=%b\r\n"
        b"Content-ID: %b\r\n\r\n\r\n" % ((_WORDS * 150,) * 3)
    ),
    "segments in parts": lambda: _multipart(
        b"Content-Disposition: attachment"
        + b"".join(b"; filename*%d*=%b" % (number, b"%41" * 30) for number in range(100))
        + b"\r\n\r\n\r\n"
    ),
    "calendar": lambda: _fill(
        b"a", head=b"Content-Type: text/calendar; charset=utf-8\r\n\r\n" + "😀".encode()
    ),
    "winmail": lambda: (
        b"Content-Type: application/ms-tnef\r\n\r\n" + _pack(_BEGIN, (2, 0x8010, b"a" * LARGE))
    ),
    "winmail in parts": lambda: _multipart(
        b"Content-Type: application/ms-tnef\r\n\r\n" + _pack(*[_BEGIN] * 90) + b"\r\n"
    ),
    "pieces of base64": lambda: _fill(
        b"QQ==\r\n", head=b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ),
    "comments": lambda: _fill(b"(a", head=b"Authentication-Results: "),
    "many headers": lambda: _fill(b"X-A: b\r\n", head=b""),
    "many addresses": lambda: _fill(b"a <a@example.org>, ", head=b"To: "),
    "HTML only": lambda: _fill(
        b"<div>&amp;<table><tr><td>x", head=b"Content-Type: text/html\r\n\r\n"
    ),
    "nested": lambda: _fill(
        b"Content-Type: message/rfc822\r\n\r\n", head=b"Content-Type: message/rfc822\r\n\r\n"
    ),
    "not base64": lambda: _fill(
        b"\xff=?", head=b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ),
}
