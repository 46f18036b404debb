"""Which leaf is the body, and how its bytes become text."""

import pytest

from fastsmtp.mail.message import ParsedMessage, parse


def parse_single(header: bytes, body: bytes) -> ParsedMessage:
    return parse(b"Subject: x\r\n" + header + b"\r\n\r\n" + body)


def parse_parts(subtype: bytes, *parts: bytes) -> ParsedMessage:
    inner = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts)
    return parse(b'Content-Type: multipart/%b; boundary="x"\r\n\r\n%b--x--\r\n' % (subtype, inner))


TEXTS = {
    "ASCII": (b"X: y", b"Hello\r\n", "Hello\n"),
    "UTF-8": (b"Content-Type: text/plain; charset=utf-8", "Grüße 🎉".encode(), "Grüße 🎉"),
    "no charset named": (b"Content-Type: text/plain", "Grüße".encode(), "Grüße"),
    "Windows-1252 unnamed": (b"Content-Type: text/plain", b"Gr\xfc\xdfe", "Grüße"),
    "ASCII that is UTF-8": (b"Content-Type: text/plain; charset=us-ascii", b"\xc3\xbc", "ü"),
    "ISO-8859-1 that is not": (b'Content-Type: text/plain; charset="iso-8859-1"', b"\x80", "€"),
    "ISO-2022-JP": (b"Content-Type: text/plain; charset=iso-2022-jp", b"\x1b$B$3$s\x1b(B", "こん"),
    "KOI8-R": (b"Content-Type: text/plain; charset=KOI8-R", b"\xf0\xd2\xc9", "При"),
    "broken charset name": (b"Content-Type: text/plain; charset=\0;", b"\xc3\xbc", "ü"),
    "charset in a comment": (b"Content-Type: text/plain; charset=koi8-r (Cyrillic)", b"a", "a"),
    "wrong charset": (b"Content-Type: text/plain; charset=utf-8", b"a\xffb", "a\ufffdb"),
    "byte order mark": (b"Content-Type: text/plain; charset=utf-8", b"\xef\xbb\xbfa", "a"),
    "NUL": (b"X: y", b"a\0b", "a\ufffdb"),
    "lone surrogate": (b"Content-Type: text/plain; charset=utf-16-le", b"a\0\x00\xd8", "a\ufffd"),
    "quoted-printable": (b"Content-Transfer-Encoding: Quoted-Printable", b"=C3=BC=\r\n!", "ü!"),
    "base64": (b"Content-Transfer-Encoding: BASE64 ", b"R3LD\r\nvMOfZQ==\r\n", "Grüße"),
    "base64 without padding": (b"Content-Transfer-Encoding: base64", b"R3LDvMOfZQ", "Grüße"),
    "unknown encoding": (b"Content-Transfer-Encoding: x-none", b"=C3", "=C3"),
    "line ends": (b"Content-Transfer-Encoding: base64", b"YQ0KYgpjDWQ=", "a\nb\nc\nd"),
    "broken content type": (b"Content-Type: text", b"a", "a"),
    "empty content type": (b"Content-Type:", b"a", "a"),
    "inline": (b"Content-Disposition: inline", b"a", "a"),
    "named, but the only part": (b"Content-Type: text/plain; name=a.txt", b"a", "a"),
    "folded content type": (b"Content-Type: text/plain;\r\n\tcharset=koi8-r", b"\xf0", "П"),
}


@pytest.mark.parametrize(("header", "body", "text"), TEXTS.values(), ids=TEXTS)
def test_the_body_is_decoded(header: bytes, body: bytes, text: str) -> None:
    message = parse_single(header, body)
    assert (message.body_text, message.body_html, message.attachments) == (text, "", ())


def test_a_mail_of_html_gets_its_text_from_it() -> None:
    message = parse_single(b"Content-Type: text/html; charset=utf-8", b"<p>\xc3\xbc</p>\r\n")
    assert (message.body_text, message.body_html) == ("ü", "<p>ü</p>\n")
    assert message.attachments == ()


def test_headers_are_decoded_in_order_with_repeats() -> None:
    message = parse(
        b"Received: one\r\nReceived: two\r\nFROM : =?utf-8?q?J=C3=B6?= <j@example.org>\r\n"
        b"Subject: a\r\n b\rX: c\r\nDate: today\r\nMessage-ID: <1@example.org>\r\n"
        b"To: b@example.com\r\nCc: c@example.com\r\nReply-To: d@example.com\r\n"
        b"In-Reply-To: <0@example.org>\r\nReferences: <r@example.org>\r\n <0@example.org>\r\n\r\n"
    )
    assert message.headers[:4] == (
        ("Received", "one"),
        ("Received", "two"),
        ("FROM", "Jö <j@example.org>"),
        ("Subject", "a b X: c"),
    )
    assert (message.from_address, message.subject) == ("j@example.org", "a b X: c")
    assert (message.date, message.message_id) == ("today", "<1@example.org>")
    assert (message.to, message.cc) == ("b@example.com", "c@example.com")
    assert (message.reply_to, message.in_reply_to) == ("d@example.com", "<0@example.org>")
    assert message.references == "<r@example.org> <0@example.org>"


def test_the_first_header_of_a_name_is_shown() -> None:
    assert parse(b"Subject: first\nSubject: second\n\n").subject == "first"


PLAIN = b"Content-Type: text/plain\r\n\r\nplain"
HTML = b"Content-Type: text/html\r\n\r\nhtml"
IMAGE = b"Content-Type: image/png\r\n\r\nimage"
FOOTER = b"\r\nfooter"
LOG = b"Content-Disposition: inline; filename=log.txt\r\n\r\nlog"
BLANK = b"\r\n \r\n"
NAMED_PLAIN = b"Content-Type: text/plain; name=body.txt\r\n\r\nplain"
NAMED_HTML = b"Content-Type: text/html; name=body.html\r\n\r\nhtml"
ATTACHED = b"Content-Disposition: attachment\r\n\r\nattached"
NESTED = (
    b"Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n%b\r\n--y\r\n%b\r\n--y--"
    % (
        PLAIN,
        HTML,
    )
)

CHOICES = {
    "alternative": (b"alternative", [PLAIN, HTML], "plain", "html", []),
    "alternative in the wrong order": (b"alternative", [HTML, PLAIN], "plain", "html", []),
    "related": (b"related", [HTML, IMAGE], "html", "html", [b"image"]),
    "mixed used as alternative": (b"mixed", [PLAIN, HTML], "plain", "html", []),
    "nested": (b"mixed", [NESTED, IMAGE], "plain", "html", [b"image"]),
    "nested with footer": (b"mixed", [NESTED, FOOTER], "plain", "html", [b"footer"]),
    "HTML with footer": (b"mixed", [HTML, FOOTER], "html", "html", [b"footer"]),
    "text around an image": (b"mixed", [PLAIN, IMAGE, FOOTER], "plain", "", [b"image", b"footer"]),
    "named text": (b"mixed", [LOG, PLAIN], "plain", "", [b"log"]),
    "attached text": (b"mixed", [ATTACHED], "", "", [b"attached"]),
    "attachment before the body": (b"mixed", [IMAGE, PLAIN], "plain", "", [b"image"]),
    "blank text": (b"alternative", [BLANK, HTML], "html", "html", []),
    "blank text alone": (b"mixed", [BLANK, IMAGE], " \n", "", [b"image"]),
    "HTML behind an image": (b"mixed", [PLAIN, IMAGE, HTML], "plain", "", [b"image", b"html"]),
    "named alternatives": (b"alternative", [NAMED_PLAIN, NAMED_HTML], "plain", "html", []),
}


@pytest.mark.parametrize(
    ("subtype", "parts", "text", "html", "others"), CHOICES.values(), ids=CHOICES
)
def test_the_body_is_chosen_and_the_rest_is_attached(
    subtype: bytes, parts: list[bytes], text: str, html: str, others: list[bytes]
) -> None:
    message = parse_parts(subtype, *parts)
    assert (message.body_text, message.body_html) == (text, html)
    assert [attachment.content for attachment in message.attachments] == others
    assert message.defects == ()
