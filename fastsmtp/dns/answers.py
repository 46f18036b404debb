"""What a question to the DNS can come to (RFC 1034 §4.3.1, RFC 2308)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_NAME_LENGTH = 253
MAX_LABEL_LENGTH = 63


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one type, behind any CNAMEs, and whether there is such a name at all.

    A and AAAA are addresses as text, PTR names, MX `(preference, name)`, TXT the octets of the
    strings of one record joined. Names are in lower case without a final dot. `is_existing` with
    no records means that the name has records of other types only (RFC 2308 §2.2).
    """

    records: tuple[Any, ...]
    is_existing: bool


NO_SUCH_NAME = Answer((), is_existing=False)


class TemporaryDNSError(Exception):
    """Neither records nor their absence could be learned. The text is fit for a log."""

    def __init__(self, name: str, rdtype: str, reason: str) -> None:
        super().__init__(name, rdtype, reason)
        self.name = name
        self.rdtype = rdtype
        self.reason = reason

    def __str__(self) -> str:
        return f"The lookup of {self.name} {self.rdtype} failed: {self.reason}"


type Question = tuple[str, str]  # name, type
type Outcome = Answer | TemporaryDNSError
type Lookup = Callable[[str, str], Answer]


def split_name(name: str) -> list[bytes] | None:
    """The labels of a name, or None where no such name can exist (RFC 1035 §2.3.4).

    A final dot is allowed. Every name is absolute: there is no search list. Nothing is an escape,
    and U-labels are not translated.
    """
    name = name.removesuffix(".")
    if len(name) > MAX_NAME_LENGTH or not name.isascii():
        return None
    labels = name.encode().lower().split(b".")
    if not all(0 < len(label) <= MAX_LABEL_LENGTH for label in labels):
        return None
    return labels


def unwrap(outcome: Outcome) -> Answer:
    """The answer; raises the error. It may be asked for often, so old tracebacks are let go."""
    if isinstance(outcome, TemporaryDNSError):
        raise outcome.with_traceback(None)
    return outcome
