"""docs/payload.md says which limits and defects there are: each number and each word."""

import re
from pathlib import Path

import pytest

from fastsmtp.mail import (
    attachment,
    bodies,
    calendars,
    file_names,
    headers,
    html_text,
    invites,
    message,
    parameters,
    part_fields,
    parts,
    reply,
    tnef,
)
from fastsmtp.mail.message import parse

DOCUMENT = (Path(__file__).parents[3] / "docs" / "payload.md").read_text(encoding="utf-8")
KI, MI = 1024, 1024 * 1024

LIMITS = [
    f"| header of the message or a part | {headers.MAX_BLOCK_OCTETS // KI} KiB |",
    f"| one header | {headers.MAX_FIELD_OCTETS // KI} KiB |",
    f"| {part_fields.MAX_OCTETS // MI} MiB, or {part_fields.LEAST_OCTETS} bytes of each |",
    f"| headers | {headers.MAX_FIELDS} |",
    f"attachments | {parts.MAX_PARTS} |",
    f"| depth | {parts.MAX_DEPTH} |",
    f"| lines that look like a boundary and are none | {parts.MAX_LOOKS:,} |",
    f"| addresses of one field | {message.MAX_MAILBOXES} |",
    f"| a body that is not plain ASCII | {bodies.MAX_OCTETS // MI} MiB |",
    f"| {html_text.MAX_TOKENS:,} tags, {html_text.MAX_LENGTH // KI} Ki characters |",
    f"| text to take apart | {reply.MAX_LENGTH // KI} Ki characters |",
    f"{calendars.MAX_CALENDARS} parts, {invites.MAX_EVENTS} events, {invites.MAX_LINES} lines",
    f"or {invites.MAX_LENGTH // MI} Mi characters",
    f"of {invites.MAX_LINE_LENGTH // KI} KB, {invites.MAX_CHOSEN // KI} KB of them in a part",
    f"| {file_names.MAX_FILENAME_OCTETS} bytes, {attachment.MAX_CONTENT_ID_LENGTH} and"
    f" {attachment.MAX_CHARSET_LENGTH} characters |",
    f"| parameters of a header of a part | {parameters.MAX_PARAMETERS} |",
    f"| `winmail.dat` | {tnef.MAX_FILES} files |",
]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_the_one_that_holds(limit: str) -> None:
    assert limit in DOCUMENT


MIXED = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"

DEFECTS = {
    "header_too_large": b"A: b\r\n" * (headers.MAX_BLOCK_OCTETS // 6 + 1) + b"\r\n",
    "header_too_long": b"A: " + b"b" * headers.MAX_FIELD_OCTETS + b"\r\n\r\n",
    "too_many_headers": b"A: b\r\n" * (headers.MAX_FIELDS + 1) + b"\r\n",
    "part_headers_too_large": MIXED
    + (b"--x\r\nContent-ID: " + b"a" * 260_000 + b"\r\n\r\n\r\n") * 5
    + b"--x--",
    "too_many_parts": MIXED + b"--x\r\n\r\n\r\n" * (parts.MAX_PARTS + 1) + b"--x--",
    "too_many_delimiters": MIXED + b"--x\r\n\r\n" + b"--xy\r\n" * parts.MAX_LOOKS + b"--x--",
    "nested_too_deep": b"".join(
        b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (depth, depth)
        for depth in range(parts.MAX_DEPTH + 1)
    ),
    "text_too_long_to_split": b"\r\n" + b"a" * (reply.MAX_LENGTH + 1),
    "header_end_missing": b"text\r\n",
    "boundary_missing": b"Content-Type: multipart/mixed\r\n\r\n",
    "boundary_repeated": MIXED + b"--x\r\n" + MIXED + b"--x--",
    "boundary_not_found": MIXED + b"text",
    "final_boundary_missing": MIXED + b"--x\r\n\r\n",
    "parameters_incomplete": b"Content-Type: text/plain; a*1=b\r\n\r\n",
    "charset_unknown": b"Content-Type: text/plain; charset=klingon\r\n\r\n",
    "charset_wrong": b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff",
    "encoding_unknown": b"Content-Type: a/b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n",
    "base64_damaged": b"Content-Type: a/b\r\n" + BASE64 + b"QQ==QQ==",
    "calendar_unreadable": b"Content-Type: text/calendar\r\n\r\n",
    "winmail_unreadable": b"Content-Type: application/ms-tnef\r\n\r\n",
}


@pytest.mark.parametrize(("defect", "raw"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_told(defect: str, raw: bytes) -> None:
    mail = parse(raw)
    mail.decode()
    assert mail.reply is not None
    assert mail.events == ()
    assert defect in mail.defects
    assert set(mail.defects) <= DEFECTS.keys()


def test_the_documented_defects_are_these() -> None:
    limits, _, others = DOCUMENT.partition("## Limits")[2].partition("## Other defects")
    words = re.findall(r"^\|[^|]*\|[^|]*\| `(\w+)`[;,]", limits, re.MULTILINE)
    words += re.findall(r"^\| `(\w+)` \|", others, re.MULTILINE)
    assert set(words) - {"body_text"} == DEFECTS.keys()
