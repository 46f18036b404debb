"""What a condition can look at: each field is a tuple of texts, empty where the mail has none.

That a field may occur more than once is so decided in one place: a condition holds when it holds
for any of the texts, and its negation when it holds for none.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache

import idna

from fastsmtp.mail.address import normalize_domain, split_tag
from rules.facts import Facts

MAX_TEXT_LENGTH = 1024 * 1024  # characters of a body that rules look at
MAX_NAME_LENGTH = 200

_FIELD_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 §3.6.8

type Reader = Callable[[View], tuple[str, ...]]


class View:
    """The facts, and the tags that rules have added up to now. Each field is read once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.tags: dict[str, None] = {}  # a set that keeps its order
        self._seen: dict[object, tuple[object, ...]] = {}

    def read[T](self, reader: Reader, form: Callable[[str], T]) -> tuple[T, ...]:
        """The texts of a field, in the form in which a condition compares them."""
        if reader is read_tags:
            return tuple(map(form, self.tags))
        seen = self._seen.get((reader, form))
        if seen is None:
            seen = self._seen[reader, form] = tuple(map(form, reader(self)))
        return seen  # type: ignore[return-value]


class Kind(Enum):
    """Which operators a field has, and how a value is written."""

    TEXT = "text"
    HEADER = "header"  # a text that may be a number
    NUMBER = "number"
    FLAG = "true or false"
    ADDRESS = "IP address"


@dataclass(frozen=True, slots=True)
class Field:
    """`read_exact` is what `equals`, `not_equals` and `in` compare with."""

    kind: Kind
    read: Reader
    read_exact: Reader


def find_field(name: str) -> Field:
    """Raises ValueError for a name that no field has."""
    if name in _FIELDS:
        return _FIELDS[name]
    prefix, colon, header = name.partition(":")
    if prefix != "header" or not colon:
        known = ", ".join([*_FIELDS, "header:<name>"])
        raise ValueError(f"“{name}” is not a field; the fields are {known}")
    if not _FIELD_NAME.fullmatch(header) or len(header) > MAX_NAME_LENGTH:
        raise ValueError("after header: comes the name of a header field, such as header:X-Mailer")
    reader = _header(header.lower())
    return Field(Kind.HEADER, reader, reader)


def read_tags(view: View) -> tuple[str, ...]:
    return tuple(view.tags)


@cache
def _header(name: str) -> Reader:
    def read(view: View) -> tuple[str, ...]:
        return tuple(value for other, value in view.facts.mail().headers if other.lower() == name)

    return read


def _mailboxes_of(name: str) -> Reader:
    """The bare addresses of a header that lists mailboxes, found before display names are decoded:
    what somebody is called is not where he is."""

    def read(view: View) -> tuple[str, ...]:
        mailboxes = view.facts.mail().addresses[name]
        return tuple(form for mailbox in mailboxes for form in _forms(mailbox.address))

    return read


def _forms(address: str | None) -> tuple[str, ...]:
    """An address or a domain; an international one in both its forms (RFC 5890 §2.3.2.1)."""
    if not address:
        return ()
    if address.isascii() and "xn--" not in address.lower():
        return (address,)
    local_part, at, domain = address.rpartition("@")
    try:
        a_labels = normalize_domain(domain)
        return tuple(
            {f"{local_part}{at}{form}": None for form in (a_labels, idna.decode(a_labels))}
        )
    except ValueError:  # idna's errors are ValueErrors too
        return (address,)


def _from_address(view: View) -> tuple[str, ...]:
    return _forms(view.facts.from_address)


def _from(view: View) -> tuple[str, ...]:
    return _from_address(view) + _header("from")(view)


def _tag_of_recipient(view: View) -> tuple[str, ...]:
    tag = split_tag(view.facts.recipient.rpartition("@")[0])[1]
    return (tag,) if tag else ()


def _body(view: View) -> tuple[str, ...]:
    mail = view.facts.mail()
    return tuple(text[:MAX_TEXT_LENGTH] for text in (mail.body_text, mail.body_html) if text)


def _text(read: Reader, read_exact: Reader | None = None) -> Field:
    return Field(Kind.TEXT, read, read_exact or read)


def _has_attachment(view: View) -> tuple[str, ...]:
    return ("true" if view.facts.mail().attachments else "false",)


def _field(kind: Kind, read: Reader) -> Field:
    return Field(kind, read, read)


_FIELDS = {
    "from": _text(_from, _from_address),
    "to": _text(_header("to"), _mailboxes_of("to")),
    "cc": _text(_header("cc"), _mailboxes_of("cc")),
    "subject": _text(lambda view: (view.facts.subject,)),
    "body": _text(_body),
    "envelope_from": _text(lambda view: _forms(view.facts.envelope_from)),
    "recipient": _text(lambda view: _forms(view.facts.recipient)),
    "recipient_tag": _text(_tag_of_recipient),
    "has_attachment": _field(Kind.FLAG, _has_attachment),
    "has_attachments": _field(Kind.FLAG, _has_attachment),
    "attachment_count": _field(
        Kind.NUMBER, lambda view: (str(len(view.facts.mail().attachments)),)
    ),
    "attachment_name": _text(
        lambda view: tuple(item.filename for item in view.facts.mail().attachments)
    ),
    "attachment_type": _text(
        lambda view: tuple(item.content_type for item in view.facts.mail().attachments)
    ),
    "size": _field(Kind.NUMBER, lambda view: (str(view.facts.size),)),
    "client_ip": _field(
        Kind.ADDRESS, lambda view: (view.facts.client_ip,) if view.facts.client_ip else ()
    ),
    "dkim_result": _text(lambda view: (view.facts.dkim_result,)),
    "dkim_domain": _text(lambda view: _forms(view.facts.dkim_domain)),
    "spf_result": _text(lambda view: (view.facts.spf_result,)),
    "spf_domain": _text(lambda view: _forms(view.facts.spf_domain)),
    "tags": _text(read_tags),
}
