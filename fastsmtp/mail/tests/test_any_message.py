"""Properties: no bytes at all make the parser raise or give text that JSON refuses, and what
another implementation wrote is read back.
"""

import email
import email.message
import email.policy
import hashlib
import random
import re
import string
from dataclasses import asdict

import orjson
from hypothesis import given
from hypothesis import strategies as st

from fastsmtp.mail.message import ParsedMessage, parse
from fastsmtp.mail.tests.mails import MAIL_PIECES

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"))
NAME = st.text("abcäöü €-_ 日本", min_size=1, max_size=80).map(lambda name: f"x{name.strip()}.bin")
LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
ENCODING = st.sampled_from(["base64", "quoted-printable"])


def check_texts(message: ParsedMessage) -> None:
    texts = [
        message.headers, message.from_address, message.subject, message.date, message.message_id,
        message.to, message.cc, message.reply_to, message.in_reply_to, message.references,
        message.body_text, message.body_html, asdict(message.reply),
        [asdict(event) for _, event in message.events],
        {name: [asdict(m) for m in found] for name, found in message.addresses.items()},
        message.defects, message.truncated,
        [(a.index, a.filename, a.content_type, a.disposition, a.content_id, a.charset, a.size,
          a.sha256) for a in message.attachments],
    ]  # fmt: skip
    assert "\\u0000" not in orjson.dumps(texts).decode().replace("\\\\", "")
    assert all(a.filename and len(a.content_type) <= 255 for a in message.attachments)


@given(st.binary())
def test_any_bytes_are_a_message(raw: bytes) -> None:
    check_texts(parse(raw))


@given(MAIL_PIECES)
def test_any_pieces_of_mail_are_a_message(raw: bytes) -> None:
    check_texts(parse(raw))


@given(st.sampled_from(["utf-7", "utf-16", "utf-32-be", "hz", "iso-2022-kr", "cp037", "punycode",
                        "idna", "unicode_escape", "undefined", "uu", "x-user-defined", "\udcff",
                        "gb18030", "cp932", "mbcs", "base64", "johab", "ptcp154"])
       | st.text(max_size=20), st.binary())  # fmt: skip
def test_any_charset_gives_clean_text(charset: str, body: bytes) -> None:
    label = charset.encode("utf-8", "surrogateescape")
    check_texts(parse(b'Content-Type: text/plain; charset="' + label + b'"\r\n\r\n' + body))


@given(st.randoms(use_true_random=False), st.data())
def test_a_damaged_message_is_a_message(rng: random.Random, data: st.DataObject) -> None:
    raw = bytearray(build_message(data.draw(TEXT), data.draw(TEXT), [("a.bin", b"1", "base64")]))
    for _ in range(rng.randint(1, 10)):
        start = rng.randrange(len(raw))
        raw[start : start + rng.randint(0, 30)] = rng.randbytes(rng.randint(0, 3))
    check_texts(parse(bytes(raw)))


@given(TEXT, TEXT, st.lists(st.tuples(NAME, st.binary(), ENCODING), max_size=4))
def test_what_the_standard_library_wrote_is_read_back(
    text: str, html: str, files: list[tuple[str, bytes, str]]
) -> None:
    raw = build_message(text, html, files)
    message = parse(raw)
    assert message.defects == ()
    # The library ends a text with a line break if it has none.
    if text.strip():
        assert message.body_text.rstrip("\n") == text.rstrip("\n")
    assert message.body_html.rstrip("\n") == html.rstrip("\n")
    assert [(a.filename, a.content) for a in message.attachments] == [
        (name, content) for name, content, _ in files
    ]


@given(TEXT, TEXT, st.lists(st.tuples(NAME, st.binary(), ENCODING), min_size=1, max_size=4))
def test_an_independent_decoder_gets_the_same_attachments(
    text: str, html: str, files: list[tuple[str, bytes, str]]
) -> None:
    raw = build_message(text, html, files)
    other = email.message_from_bytes(raw, policy=email.policy.default)
    assert [(a.content_type, a.sha256) for a in parse(raw).attachments] == [
        (part.get_content_type(), digest(part)) for part in other.iter_attachments()
    ]


def digest(part: email.message.Message) -> str:
    """Decoded by hand: the library and we use one decoder in C."""
    encoded = part.get_payload()
    assert isinstance(encoded, str)
    if part["Content-Transfer-Encoding"] == "base64":
        letters = "".join(encoded.split()).rstrip("=")
        bits = "".join(f"{LETTERS.index(letter):06b}" for letter in letters)
        content = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
    else:
        joined = re.sub("=\r?\n", "", encoded).encode()
        content = re.sub(rb"=(..)", lambda escape: bytes([int(escape[1], 16)]), joined)
    return hashlib.sha256(content).hexdigest()


def build_message(text: str, html: str, files: list[tuple[str, bytes, str]]) -> bytes:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "x"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    for name, content, encoding in files:
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name, cte=encoding
        )
    return message.as_bytes()
