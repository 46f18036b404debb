"""What a condition can look at: each field is a number of texts, none where the mail has none.

That a field may occur more than once is so decided in one place: a condition holds when it holds
for any of the texts, and its negation when it holds for none. What a limit has cut says so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache

import idna

from fastsmtp.mail.address import normalize_domain, split_tag
from fastsmtp.mail.attachment import Attachment
from fastsmtp.mail.headers import MAX_ADDRESS_LENGTH, MAX_SUBJECT_LENGTH
from fastsmtp.mail.message import MAX_MAILBOXES, ParsedMessage
from rules.facts import Facts
from rules.view import Reader, Texts, View, read_tags

MAX_TEXT_LENGTH = 1024 * 1024  # characters of a body that rules look at
MAX_NAME_LENGTH = 200

_FIELD_NAME = re.compile(r"[!-9;-~]+")  # RFC 5322 §3.6.8


class Kind(Enum):
    """Which operators a field has, and how a value is written."""

    TEXT = "text"
    HEADER = "header"  # a text that may be a number
    NUMBER = "number"
    FLAG = "true or false"
    ADDRESS = "IP address"


@dataclass(frozen=True, slots=True)
class Field:
    """`read_exact` is what `equals`, `not_equals` and `in` compare with; `is_of_message` tells
    whether all recipients of a message see the same."""

    kind: Kind
    read: Reader
    read_exact: Reader
    is_of_message: bool = True


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


@cache
def _header(name: str) -> Reader:
    def read(view: View) -> Texts:
        mail = view.facts.mail()
        found = [header for header in mail.headers if header[0].lower() == name]
        return Texts(
            tuple(header[1] for header in found if header not in mail.cut_headers),
            tuple(header[1] for header in found if header in mail.cut_headers),
            mail.has_all_headers,
        )

    return read


def _first(mail: ParsedMessage, name: str) -> Texts:
    """Of a header of which only the first counts."""
    for header in mail.headers:
        if header[0].lower() == name:
            texts = (header[1],)
            return Texts(cut=texts) if header in mail.cut_headers else Texts(texts)
    return Texts(is_all=mail.has_all_headers)


def _mailboxes_of(name: str) -> Reader:
    """The bare addresses of a header that lists mailboxes, found before display names are decoded:
    what somebody is called is not where he is."""

    def read(view: View) -> Texts:
        mail = view.facts.mail()
        header = _first(mail, name)
        mailboxes = mail.addresses[name]
        is_full = len(mailboxes) == MAX_MAILBOXES and "addresses" in mail.truncated
        # Where the header is cut, the last of its mailboxes may be too.
        whole, cut = (mailboxes[:-1], mailboxes[-1:]) if header.cut else (mailboxes, ())
        return Texts(
            tuple(form for mailbox in whole for form in _forms(mailbox.address)),
            tuple(form for mailbox in cut for form in _forms(mailbox.address)),
            header.is_complete and not is_full,
        )

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


def _address(read: Callable[[Facts], str | None]) -> Reader:
    return lambda view: Texts(_forms(read(view.facts)))


def _from_address(view: View) -> Texts:
    """The row has it, unless it is too long for it or stands behind a limit."""
    if 0 < len(view.facts.from_address) < MAX_ADDRESS_LENGTH:
        return Texts(_forms(view.facts.from_address))
    mail = view.facts.mail()
    header, forms = _first(mail, "from"), _forms(mail.from_address)
    return Texts(cut=forms, is_all=False) if header.cut else Texts(forms, is_all=header.is_all)


def _from(view: View) -> Texts:
    return _from_address(view) + _header("from")(view)


def _subject(view: View) -> Texts:
    """Likewise."""
    if 0 < len(view.facts.subject) < MAX_SUBJECT_LENGTH:
        return Texts((view.facts.subject,))
    return _first(view.facts.mail(), "subject")


def _tag_of_recipient(view: View) -> Texts:
    tag = split_tag(view.facts.recipient.rpartition("@")[0])[1]
    return Texts((tag,) if tag else ())


def _body(view: View) -> Texts:
    mail = view.facts.mail()
    whole, cut = [], []
    for name, text in (("body_text", mail.body_text), ("body_html", mail.body_html)):
        if name in mail.truncated or len(text) > MAX_TEXT_LENGTH:
            cut.append(text[:MAX_TEXT_LENGTH])
        elif text:
            whole.append(text)
    return Texts(tuple(whole), tuple(cut), mail.has_all_parts)


def _has_attachment(view: View) -> Texts:
    mail = view.facts.mail()
    if mail.attachments:
        return Texts(("true",))
    return Texts(("false",)) if mail.has_all_attachments else Texts(is_all=False)


def _attachment_count(view: View) -> Texts:
    mail = view.facts.mail()
    counted = (str(len(mail.attachments)),)
    return Texts(counted) if mail.has_all_attachments else Texts(cut=counted)


def _of_attachments(read: Callable[[Attachment], str]) -> Reader:
    def read_all(view: View) -> Texts:
        mail = view.facts.mail()
        return Texts(tuple(map(read, mail.attachments)), is_all=mail.has_all_attachments)

    return read_all


def _client_ip(view: View) -> Texts:
    return Texts((view.facts.client_ip,) if view.facts.client_ip else ())


def _text(read: Reader, read_exact: Reader | None = None) -> Field:
    return Field(Kind.TEXT, read, read_exact or read)


def _field(kind: Kind, read: Reader) -> Field:
    return Field(kind, read, read)


def _of_recipient(read: Reader) -> Field:
    return Field(Kind.TEXT, read, read, is_of_message=False)


_FIELDS = {
    "from": _text(_from, _from_address),
    "to": _text(_header("to"), _mailboxes_of("to")),
    "cc": _text(_header("cc"), _mailboxes_of("cc")),
    "subject": _text(_subject),
    "body": _text(_body),
    "envelope_from": _text(_address(lambda facts: facts.envelope_from)),
    "recipient": _of_recipient(_address(lambda facts: facts.recipient)),
    "recipient_tag": _of_recipient(_tag_of_recipient),
    "has_attachment": _field(Kind.FLAG, _has_attachment),
    "has_attachments": _field(Kind.FLAG, _has_attachment),
    "attachment_count": _field(Kind.NUMBER, _attachment_count),
    "attachment_name": _text(_of_attachments(lambda attachment: attachment.filename)),
    "attachment_type": _text(_of_attachments(lambda attachment: attachment.content_type)),
    "size": _field(Kind.NUMBER, lambda view: Texts((str(view.facts.size),))),
    "client_ip": _field(Kind.ADDRESS, _client_ip),
    "dkim_result": _text(lambda view: Texts((view.facts.dkim_result,))),
    "dkim_domain": _text(_address(lambda facts: facts.dkim_domain)),
    "spf_result": _text(lambda view: Texts((view.facts.spf_result,))),
    "spf_domain": _text(_address(lambda facts: facts.spf_domain)),
    "tags": _of_recipient(read_tags),
}
