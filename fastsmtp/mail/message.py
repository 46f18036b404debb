"""A message as the payload and the rules want it: text decoded, attachments apart.

The body is the first text/plain and the first text/html leaf that belong together; every other
leaf is an attachment (a forwarded message too, with its bytes intact). Body text has `\\n` for
every line break, whatever the mail had, and is otherwise as sent: a final line break stays. A
message that has only HTML has no `body_text` here.

Nothing in here raises, whatever the bytes: what is wrong with them is named in `defects`.
"""

from dataclasses import dataclass

from fastsmtp.mail.attachment import Attachment, make_attachment, read_disposition
from fastsmtp.mail.decoding import decode_text
from fastsmtp.mail.headers import decode_header, find_address, index_fields
from fastsmtp.mail.parts import Part, split_message

_BODY_TYPES = ("text/plain", "text/html")


@dataclass(frozen=True, kw_only=True)
class ParsedMessage:
    """All text is valid UTF-8 without NUL. A field that the message lacks is ''.

    `headers` are all fields in order, decoded, repeats kept; the named ones are the first of
    their name. `from_address` is the bare address of the first mailbox. `defects` are stable
    words such as `final_boundary_missing`.
    """

    headers: tuple[tuple[str, str], ...]
    from_address: str
    subject: str
    date: str
    message_id: str
    to: str
    cc: str
    reply_to: str
    in_reply_to: str
    references: str
    body_text: str
    body_html: str
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]


def parse(raw: bytes) -> ParsedMessage:
    """Reads a message as it came over SMTP, with CRLF or LF line ends."""
    split = split_message(raw)
    headers = tuple((name.decode("ascii"), decode_header(value)) for name, value in split.fields)
    first = {name.lower(): value for name, value in reversed(headers)}
    text, html = _choose_body(split.leaves)
    others = [part for part in split.leaves if part is not text and part is not html]
    return ParsedMessage(
        headers=headers,
        from_address=find_address(index_fields(split.fields).get(b"from", b"")),
        subject=first.get("subject", ""),
        date=first.get("date", ""),
        message_id=first.get("message-id", ""),
        to=first.get("to", ""),
        cc=first.get("cc", ""),
        reply_to=first.get("reply-to", ""),
        in_reply_to=first.get("in-reply-to", ""),
        references=first.get("references", ""),
        body_text=_read_text(text),
        body_html=_read_text(html),
        attachments=tuple(make_attachment(part, index=i) for i, part in enumerate(others)),
        defects=tuple(split.defects),
    )


def _choose_body(leaves: list[Part]) -> tuple[Part | None, Part | None]:
    """The text and the HTML of the body.

    Plain text after HTML counts only as the alternative of it: elsewhere it is the footer that
    a mailing list or a virus scanner added.
    """
    candidates = [part for part in leaves if _may_be_body(part)]
    text = next((part for part in candidates if part.content_type == "text/plain"), None)
    html = next((part for part in candidates if part.content_type == "text/html"), None)
    if text and html and candidates[0] is html:
        is_alternative = html.alternative is not None and html.alternative == text.alternative
        text = text if is_alternative else None
    return text, html


def _may_be_body(part: Part) -> bool:
    if part.content_type not in _BODY_TYPES:
        return False
    disposition, parameters = read_disposition(part)
    is_named = "filename" in parameters or "name" in part.parameters
    return disposition != "attachment" and (part.is_root or not is_named)


def _read_text(part: Part | None) -> str:
    if part is None:
        return ""
    text = decode_text(part.decode(), part.parameters.get("charset")).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
