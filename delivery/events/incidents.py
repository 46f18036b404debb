"""How notes become incidents: one for each type and endpoint, or domain, that counts up while it
waits. Works on values that somebody else reads and writes.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from delivery.events.kinds import EventType
from delivery.events.notes import MAX_DELIVERIES, merge_reasons
from delivery.models import EventNote, Incident
from fastsmtp.config import Config

# Between two events of one type and domain, however many endpoints it has.
DOMAIN_GAP = timedelta(minutes=5)

HEALTH = (EventType.PAUSED, EventType.DISABLED, EventType.RECOVERED)

type Find = Callable[[EventType], Incident]
"""The incident of a type, of the endpoint or domain of a note."""


@dataclass(frozen=True)
class Pace:
    """`grace`: how long everything gathers before it is told. `interval`: how long the same thing
    of the same endpoint, or domain, is not told again."""

    grace: timedelta
    interval: timedelta

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(config.events_grace, config.events_interval)


def key_of(type: str, subject_id: uuid.UUID) -> str:
    """`subject_id` is that of the endpoint or, without one, of the domain."""
    return f"{type} {subject_id}"


def types_touched(type: str) -> tuple[EventType, ...]:
    """The incidents that a note may change."""
    return HEALTH if type in HEALTH else (EventType(type),)


def fold(note: EventNote, find: Find, pace: Pace) -> None:
    """Adds a note to its incident. What was to be told and is no longer true is withdrawn."""
    match EventType(note.type):
        case EventType.PAUSED:
            _fold_paused(note, find, pace)
        case EventType.DISABLED:
            # A 410, or five days: that is always told, whatever became of it since.
            _withdraw(find(EventType.PAUSED))
            _withdraw(find(EventType.RECOVERED))
            _add(find(EventType.DISABLED), note, note.at + pace.grace)
        case EventType.RECOVERED:
            _withdraw(find(EventType.PAUSED))
            _fold_recovered(note, find, pace)
        case type:
            incident = find(type)
            _add(incident, note, _earliest(incident, note.at, pace))


def _fold_paused(note: EventNote, find: Find, pace: Pace) -> None:
    recovered, paused = find(EventType.RECOVERED), find(EventType.PAUSED)
    if recovered.due_at is not None:
        _withdraw(recovered)  # people still believe what is true again
    else:
        _add(paused, note, _earliest(paused, note.at, pace))


def _fold_recovered(note: EventNote, find: Find, pace: Pace) -> None:
    """Only for those who were told of the opposite, or will be: then not before that."""
    at = note.at + pace.grace
    disabled_at = find(EventType.DISABLED).due_at
    if disabled_at is not None:
        at = max(at, disabled_at + 2 * DOMAIN_GAP)  # one of them it may still be put off
    if disabled_at is not None or _is_told_down(find):
        _add(find(EventType.RECOVERED), note, at)


def _earliest(incident: Incident, at: datetime, pace: Pace) -> datetime:
    after_grace = at + pace.grace
    if incident.told_at is None:
        return after_grace
    return max(after_grace, incident.told_at + pace.interval)


def _add(incident: Incident, note: EventNote, due_at: datetime) -> None:
    incident.first_at = incident.first_at or note.at
    incident.last_at = note.at
    incident.count += note.count
    incident.reasons = merge_reasons(incident.reasons, note.reasons)
    incident.deliveries = [*incident.deliveries, *note.deliveries][:MAX_DELIVERIES]
    incident.due_at = incident.due_at or due_at


def _withdraw(incident: Incident) -> None:
    incident.due_at = incident.first_at = incident.last_at = None
    incident.count, incident.reasons, incident.deliveries = 0, {}, []


def _is_told_down(find: Find) -> bool:
    """Whether what people were told last is that the endpoint takes no mail."""
    downs = [find(type).told_at for type in (EventType.PAUSED, EventType.DISABLED)]
    told = [at for at in downs if at is not None]
    recovered_at = find(EventType.RECOVERED).told_at
    return bool(told) and (recovered_at is None or recovered_at < max(told))
