"""What a mail takes to read is bounded by what it is: three times its size, and a little."""

import tracemalloc
from base64 import b64encode
from collections.abc import Callable

import pytest

from fastsmtp.mail.message import parse
from fastsmtp.mail.tests import winmail

MIB = 1024 * 1024
SIZE = 8 * MIB
CONSTANT = 4 * MIB

MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
TNEF = b"Content-Type: application/ms-tnef\r\n\r\n"
CALENDAR = b"Content-Type: text/calendar; charset=utf-8\r\n"
BASE64 = b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
EVENT = b"BEGIN:VCALENDAR\r\nX-NOTE:" + "😀".encode() + b"a" * SIZE
BEGIN = winmail.attribute(winmail.RENDERING, b"")
FILES = winmail.pack(*[BEGIN] * 100)
NAME = "😀" * (SIZE // 4)
PARAMETERS = b"".join(b"; a%d=%b" % (number, "😀".encode() * 5) for number in range(100))

MAILS: dict[str, Callable[[], bytes]] = {
    "text": lambda: b"Subject: x\r\n\r\n" + b"text\r\n" * (SIZE // 6),
    "one emoji": lambda: b"Subject: x\r\n\r\n" + "😀".encode() + b"text\r\n" * (SIZE // 6),
    "wrong charset": lambda: (
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"text\xff\r\n" * (SIZE // 7)
    ),
    "title in winmail": lambda: (
        TNEF + winmail.pack(BEGIN, winmail.attribute(winmail.TITLE, b"a" * SIZE))
    ),
    "name in winmail": lambda: (
        TNEF + winmail.pack(BEGIN, winmail.properties(winmail.text(0x3707, NAME)))
    ),
    "many winmails": lambda: MIXED + (b"--x\r\n" + TNEF + FILES + b"\r\n") * 900,
    "calendar": lambda: CALENDAR + b"\r\n" + EVENT,
    "encoded calendar": lambda: (
        CALENDAR + b"Content-Transfer-Encoding: base64\r\n\r\n" + b64encode(EVENT)
    ),
    "base64": lambda: BASE64 + b64encode(bytes(SIZE)),
    "base64 without padding": lambda: BASE64 + b"A" * SIZE + b"AA",
    "base64 of pieces": lambda: BASE64 + b"QQ==\r\n" * (SIZE // 6),
    "no base64": lambda: BASE64 + b"-\xff" * (SIZE // 2),
    "parameters": lambda: (
        MIXED + (b"--x\r\nContent-Type: text/plain" + PARAMETERS + b"\r\n\r\n\r\n") * 999
    ),
}


@pytest.mark.parametrize("make", MAILS.values(), ids=MAILS)
def test_what_reading_takes(make: Callable[[], bytes]) -> None:
    raw = make()
    tracemalloc.start()
    try:
        message = parse(raw)
        message.decode()
        for name in ("body_text", "body_html", "addresses", "reply", "events"):
            getattr(message, name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 3 * len(raw) + CONSTANT
