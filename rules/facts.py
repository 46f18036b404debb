"""What rules look at, and what they decide. Plain values: no Django, no I/O."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A message as one recipient's rules see it."""

    recipient: str
    envelope_from: str
    subject: str
    from_address: str
    size: int
    client_ip: str


class Action(StrEnum):
    FORWARD = "forward"
    DROP = "drop"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What happens to a message for one recipient."""

    action: Action = Action.FORWARD
    reason: str = ""
    tags: tuple[str, ...] = ()
    webhook_url_override: str | None = None
