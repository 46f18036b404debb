"""Claims of which no call comes: they are given back, as if they had never been."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models import Case, F, When
from django.utils import timezone

from delivery.jobs import Job
from delivery.lanes import lanes
from delivery.lanes.health import LaneState
from delivery.models import Delivery, Lane

PUT_OFF = timedelta(minutes=15)  # until what cannot be read is claimed again


def release(jobs: Sequence[Job]) -> None:
    """Their deliveries are due as before; only a suspect stays one."""
    with transaction.atomic():
        lanes.wake({job.endpoint_id for job in jobs}, at=timezone.now())
        _end_probes((job.endpoint_id, job.claimed_until) for job in jobs if job.is_probe)
        for claim_id, group in groupby(jobs, key=lambda job: job.claim_id):
            _give_back([job.delivery_id for job in group], claim_id)


def put_off(
    unread: Mapping[uuid.UUID, uuid.UUID], claim_id: uuid.UUID, probes: Mapping[uuid.UUID, datetime]
) -> None:
    """Deliveries, with their endpoints, that were claimed and cannot be read: they let others go
    first. `probes` are the ends of the claim's probes, by endpoint."""
    if not unread:
        return
    endpoint_ids = set(unread.values())
    due_at = timezone.now() + PUT_OFF
    with transaction.atomic():
        lanes.wake(endpoint_ids, at=due_at)
        _end_probes((id, end) for id, end in probes.items() if id in endpoint_ids)
        _give_back(unread.keys(), claim_id, due_at=due_at)


def _end_probes(ends: Iterable[tuple[uuid.UUID, datetime]]) -> None:
    """No call was made: the next one need not wait for the end of its claim."""
    for endpoint_id, end in ends:
        Lane.objects.filter(endpoint_id=endpoint_id, paused_until=end).update(
            state=LaneState.PAUSED, paused_until=timezone.now()
        )


def _give_back(
    delivery_ids: Collection[uuid.UUID], claim_id: uuid.UUID, **changes: datetime
) -> None:
    Delivery.objects.filter(id__in=delivery_ids, claim_id=claim_id).update(
        claim_id=None,
        claimed_until=None,
        tries=_one_less("tries"),
        attempts=_one_less("attempts"),
        **changes,
    )


def _one_less(column: str) -> Case:
    """Never below 0, even where a previous version began the tries anew under the claim: the
    statement would fail, and with it the whole batch."""
    return Case(When(**{f"{column}__gt": 0}, then=F(column) - 1), default=0)
