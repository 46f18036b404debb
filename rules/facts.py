"""What rules look at, and what they decide. Plain values: no Django, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from fastsmtp.mail.message import ParsedMessage


class CannotEvaluate(ValueError):
    """A condition has no answer, with the sentence that says why: neither a match nor a miss."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A message as one recipient's rules see it.

    `mail` is called only when a rule asks for what the other fields do not hold, perhaps more
    than once. It may raise CannotEvaluate, or one of `outages`: then nothing can be decided now.
    """

    recipient: str
    envelope_from: str
    subject: str
    from_address: str
    size: int
    client_ip: str
    dkim_result: str
    dkim_domain: str | None
    spf_result: str
    spf_domain: str | None
    mail: Callable[[], ParsedMessage]
    outages: tuple[type[Exception], ...] = ()


class Action(StrEnum):
    FORWARD = "forward"
    QUARANTINE = "quarantine"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What happens to a message for one recipient."""

    action: Action = Action.FORWARD
    reason: str = ""
    tags: tuple[str, ...] = ()
    webhook_url_override: str | None = None
    preserve_raw: bool = False
