"""A message as the payload and the rules want it: text decoded, attachments apart.

The body is the first text/plain and the first text/html leaf that belong together; every other
leaf is an attachment (a forwarded message too, with its bytes intact). Body text has `\\n` for
every line break, whatever the mail had, and is otherwise as sent: a final line break stays.

Nothing in here raises, whatever the bytes: what is wrong with them is named in `defects`, and a
field that a limit cut in `truncated`. What not every reader wants is made when it is asked for.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from fastsmtp.mail.attachment import Attachment, attach
from fastsmtp.mail.bodies import choose_body, read_text
from fastsmtp.mail.calendars import collect_events
from fastsmtp.mail.headers import MAX_FIELD_OCTETS, index_fields
from fastsmtp.mail.html_text import make_text
from fastsmtp.mail.invites import Event
from fastsmtp.mail.mailboxes import HeaderMailbox, find_address, read_mailboxes
from fastsmtp.mail.notes import Notes
from fastsmtp.mail.part import Part
from fastsmtp.mail.part_fields import PART_FIELDS
from fastsmtp.mail.parts import SplitMessage, split_message
from fastsmtp.mail.reply import MAX_LENGTH, SplitReply, split_reply
from fastsmtp.mail.words import decode_header

MAX_MAILBOXES = 1000  # of one field

# Behind these there may be parts that nobody has seen.
_HIDING = frozenset((
    "too_many_parts", "too_many_delimiters", "nested_too_deep", "header_too_large",
    "part_headers_too_large",
))  # fmt: skip
# And behind these files in a `winmail.dat`.
_KEEPING_CLOSED = frozenset(("winmail_unreadable", "too_many_parts"))
_ADDRESS_FIELDS = ("from", "to", "cc", "bcc", "reply-to", "sender")


@dataclass(frozen=True, kw_only=True)
class ParsedMessage:
    """All text is valid UTF-8 without NUL. A field that the message lacks is ''.

    `headers` are all fields in order, decoded, repeats kept; the named ones are the first of
    their name. `from_address` is the bare address of the first mailbox. What limits hid is told by
    `has_all_headers`, `has_all_parts` and `cut_headers`: those of `headers` that are a beginning.
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
    attachments: tuple[Attachment, ...]
    has_all_headers: bool
    has_all_parts: bool
    cut_headers: frozenset[tuple[str, str]]
    _fields: dict[bytes, bytes] = field(repr=False)
    _text: Part | None = field(repr=False)
    _html: Part | None = field(repr=False)
    _notes: Notes = field(repr=False)

    @property
    def defects(self) -> tuple[str, ...]:
        """Stable words such as `final_boundary_missing`: what was found wrong so far. A field that
        is made on demand adds its own when it is made.
        """
        return tuple(self._notes.defects)

    @property
    def truncated(self) -> tuple[str, ...]:
        """Names of fields (of the payload) that a limit cut; likewise."""
        return tuple(self._notes.truncated)

    def decode(self) -> None:
        """Every attachment, so that `defects` is complete."""
        for attachment in self.attachments:
            _ = attachment.content

    @property
    def has_all_attachments(self) -> bool:
        """Whether `attachments` are all: no limit hid any, and every container was opened."""
        return self.has_all_parts and _KEEPING_CLOSED.isdisjoint(self._notes.defects)

    @cached_property
    def addresses(self) -> dict[str, tuple[HeaderMailbox, ...]]:
        """The mailboxes of From, To, Cc, Bcc, Reply-To and Sender, by the field's name in lower
        case. Of a repeated field the first counts.
        """
        return {name: self._read_mailboxes(name) for name in _ADDRESS_FIELDS}

    @cached_property
    def body_text(self) -> str:
        """The plain text, made from the HTML if there is only that, or the text is blank."""
        given = "" if self._text is None else self._read_body(self._text, "body_text")
        if self._html is None or given.strip():
            return given
        text, is_whole = make_text(self.body_html)
        if not is_whole or "body_html" in self._notes.truncated:
            self._notes.truncated["body_text"] = None
        return text

    @cached_property
    def body_html(self) -> str:
        return "" if self._html is None else self._read_body(self._html, "body_html")

    @cached_property
    def reply(self) -> SplitReply:
        """`body_text` taken apart into what is new, quoted and signature."""
        if len(self.body_text) > MAX_LENGTH:
            self._notes.defects["text_too_long_to_split"] = None
        return split_reply(self.body_text)

    @cached_property
    def events(self) -> tuple[tuple[int, Event], ...]:
        """The events of calendar parts, each with the index of its attachment."""
        return collect_events(self.attachments, self._notes)

    def _read_body(self, part: Part, name: str) -> str:
        text, is_whole = read_text(part)
        if not is_whole:
            self._notes.truncated[name] = None
        return text

    def _read_mailboxes(self, name: str) -> tuple[HeaderMailbox, ...]:
        value = self._fields.get(name.encode())
        if value is None:
            return ()
        mailboxes = read_mailboxes(value)
        found = tuple(islice(mailboxes, MAX_MAILBOXES))
        if len(found) == MAX_MAILBOXES and next(mailboxes, None):
            self._notes.truncated["addresses"] = None
        return found


def parse(raw: bytes) -> ParsedMessage:
    """Reads a message as it came over SMTP, with CRLF or LF line ends."""
    split = split_message(raw)
    notes = split.notes
    if not split.is_header_whole:
        notes.truncated["headers"] = None
    headers = tuple((name.decode("ascii"), decode_header(value)) for name, value in split.fields)
    first = {name.lower(): value for name, value in reversed(headers)}
    fields = index_fields(split.fields)
    text, html = choose_body(split.leaves)
    has_all_parts = _has_all_parts(split, fields)
    others = [part for part in split.leaves if part is not text and part is not html]
    return ParsedMessage(
        headers=headers,
        from_address=find_address(fields.get(b"from", b"")),
        subject=first.get("subject", ""),
        date=first.get("date", ""),
        message_id=first.get("message-id", ""),
        to=first.get("to", ""),
        cc=first.get("cc", ""),
        reply_to=first.get("reply-to", ""),
        in_reply_to=first.get("in-reply-to", ""),
        references=first.get("references", ""),
        attachments=attach(others, notes),
        has_all_headers=split.has_all_fields,
        has_all_parts=has_all_parts,
        cut_headers=_find_cut(split, headers),
        _fields=fields,
        _text=text,
        _html=html,
        _notes=notes,
    )


def _has_all_parts(split: SplitMessage, fields: dict[bytes, bytes]) -> bool:
    """A field that says how to take the message apart may itself be cut, or not be there."""
    is_structure_known = split.has_all_fields and all(
        len(fields.get(name, b"")) < MAX_FIELD_OCTETS for name in PART_FIELDS
    )
    return is_structure_known and _HIDING.isdisjoint(split.notes.defects)


def _find_cut(
    split: SplitMessage, headers: tuple[tuple[str, str], ...]
) -> frozenset[tuple[str, str]]:
    if "header_too_long" not in split.notes.defects:
        return frozenset()
    fields = zip(headers, split.fields, strict=True)
    return frozenset(header for header, (_, value) in fields if len(value) >= MAX_FIELD_OCTETS)
