"""Ordinary mails of an exact size that differ in their id only."""

import base64
import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

LOAD_DOMAIN = "load.example"
RUN_LENGTH = 6
ATTACHMENT_FROM = 32 * 1024  # bytes; smaller mails are text only
ATTACHMENT_SHARE = 0.7  # of the mail, before base64 makes it 4/3 and line ends 78/76

_HEADERS = """\
Received: from app7.load.example (app7.load.example [192.0.2.17])
\tby relay.load.example (Postfix) with ESMTPS id 4Yk2Qd3XbBz9sT1
\tfor <{recipient}>; Fri, 20 Nov 2026 08:15:30 +0000 (UTC)
Received: by app7.load.example (Postfix, from userid 1001)
\tid 4Yk2Qc6MfPz9sT0; Fri, 20 Nov 2026 08:15:29 +0000 (UTC)
Date: Fri, 20 Nov 2026 08:15:29 +0000
From: "Orders at Load" <orders@load.example>
To: "Front desk" <{recipient}>
Reply-To: "Customer care" <care@load.example>
Subject: Order 48213-B: your parcel leaves our warehouse today
Message-ID: <{unique_id}>
X-Load-Id: {unique_id}
In-Reply-To: <order-48213@load.example>
References: <order-48213@load.example>
List-Unsubscribe: <mailto:unsubscribe@load.example>
Auto-Submitted: auto-generated
X-Mailer: Warehouse 7.2
MIME-Version: 1.0
"""
_TEXT = """\
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

"""
_MULTIPART = """\
Content-Type: multipart/mixed; boundary="=_part_7c1f"

--=_part_7c1f
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

"""
_ATTACHMENT = """
--=_part_7c1f
Content-Type: application/pdf; name="delivery-note.pdf"
Content-Disposition: attachment; filename="delivery-note.pdf"
Content-Transfer-Encoding: base64

"""
_PROSE = """\
the parcel with your order leaves warehouse seven today and travels by road to depot north please
keep this note until it has arrived weight kilograms carrier reference customer number invoice
follows separately thank you for buying from us again soon kind regards"""


def make_id(run: str, number: int) -> str:
    """Unique and of one length, so that every mail of a run has the same size."""
    return f"b-{run}-{number:08}@{LOAD_DOMAIN}"


def run_of(unique_id: str) -> str:
    """The load that a mail belongs to; empty for a mail of somebody else."""
    parts = unique_id.split("-", 2)
    return parts[1] if len(parts) == 3 else ""


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """A mail to one recipient, cut where its label belongs."""

    pieces: tuple[bytes, ...]

    def render(self, unique_id: str) -> bytes:
        return label_of(unique_id).encode().join(self.pieces)


def label_of(unique_id: str) -> str:
    """What is unique of an id; a label of a domain can hold it."""
    return unique_id.partition("@")[0]


def make_template(
    *, size: int, recipient: str, sign: Callable[[bytes, str], bytes] = lambda raw, _: raw
) -> MailTemplate:
    """`size` is in bytes, as sent, without the final dot; raises ValueError when it is too small.

    No line begins with a dot, so nothing needs to be stuffed (RFC 5321 §4.5.2). `sign(raw, label)`
    returns the mail as it is sent; the label that it is given stands for that of each mail.
    """
    unknown_id = make_id("?" * RUN_LENGTH, 0)
    head = _HEADERS.format(recipient=recipient, unique_id=unknown_id)
    attachment = b""
    if size < ATTACHMENT_FROM:
        head += _TEXT
    else:
        head += _MULTIPART
        attachment = _with_crlf(_ATTACHMENT) + _encode_attachment(int(size * ATTACHMENT_SHARE))
    top = _with_crlf(head)
    text = _make_text(size - len(top) - len(attachment))
    label = label_of(unknown_id)
    return MailTemplate(tuple(sign(top + text + attachment, label).split(label.encode())))


def _with_crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _encode_attachment(length: int) -> bytes:
    content = base64.encodebytes(random.Random(length).randbytes(length)).decode()
    return _with_crlf(content + "--=_part_7c1f--\n")


def _make_text(length: int) -> bytes:
    """Words in lines; they compress about as well as prose, which a database may notice."""
    if length < 2:
        raise ValueError("a mail of this size has no room for its headers")
    words = " ".join(random.Random(length).choices(_PROSE.split(), k=length // 3 + 1))
    text = _with_crlf(textwrap.fill(words, 72) + "\n")[: length - 2]
    if text.endswith(b"\r"):  # the cut went through a line end
        text = text[:-1] + b"x"
    return text + b"\r\n"
