"""What came of one call."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from delivery.jobs import Job
from delivery.lanes.answers import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    job: Job
    kind: Kind
    started_at: datetime
    finished_at: datetime
    status_code: int | None = None
    error: str = ""
    retry_after: timedelta | None = None
    response_excerpt: str = ""
    resolved_ip: str = ""
    payload_hash: str = ""
    body_size: int = 0  # bytes that were sent
    was_reset: bool = False  # the receiver broke the connection off

    @property
    def duration(self) -> timedelta:
        return self.finished_at - self.started_at


def without_call(job: Job, kind: Kind, error: str) -> Outcome:
    now = timezone.now()
    return Outcome(job=job, kind=kind, started_at=now, finished_at=now, error=error)
