"""What kinds of events there are. Plain values, without a database."""

from enum import StrEnum


class EventType(StrEnum):
    EXHAUSTED = "delivery.exhausted"
    PAUSED = "endpoint.paused"
    DISABLED = "endpoint.disabled"
    RECOVERED = "endpoint.recovered"
    QUARANTINED = "message.quarantined"
