"""How long things are kept, as plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from fastsmtp.config import Config

FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC)  # nothing of ours is older
SENT_BY_THEN = timedelta(days=2)  # an event is tried for a day, about
ABANDONED = timedelta(days=1)  # an upload that has no message by then gets none


@dataclass(frozen=True, kw_only=True, slots=True)
class Ages:
    """Days; 0 is for ever. `raw`: None is as long as the message."""

    messages: int
    raw: int | None
    log: int
    held: int
    quarantined: int

    @classmethod
    def of(cls, config: Config) -> Self:
        return cls(
            messages=config.message_retention_days,
            raw=config.raw_retention_days,
            log=config.delivery_log_retention_days,
            held=config.held_max_days,
            quarantined=config.quarantine_max_days,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cutoffs:
    """What was over before these moments may go."""

    raw: datetime
    messages: datetime  # their objects too, and the bytes of what may be replayed
    log: datetime  # replays too
    rows: datetime  # of messages: deliveries refer to them
    held: datetime
    quarantined: datetime
    events: datetime
    uploads: datetime

    @classmethod
    def at(cls, now: datetime, ages: Ages) -> Self:
        def before(days: int) -> datetime:
            return now - timedelta(days=days) if days else FOR_EVER

        messages, log = before(ages.messages), before(ages.log)
        return cls(
            raw=messages if ages.raw is None else max(messages, before(ages.raw)),
            messages=messages,
            log=log,
            rows=min(messages, log),
            held=before(ages.held),
            quarantined=before(ages.quarantined),
            events=min(log, now - SENT_BY_THEN),
            uploads=now - ABANDONED,
        )
