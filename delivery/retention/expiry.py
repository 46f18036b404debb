"""What waits for people and waited too long is discarded: visibly, and nothing is deleted here."""

import uuid
from collections.abc import Collection, Iterator
from typing import Any

from django.db.models import Q
from django.utils import timezone

from delivery.by_hand import discarding
from delivery.models import Delivery, Lane
from delivery.retention.run import Run
from delivery.retention.walk import pages, pages_by_domain

HELD_TOO_LONG = "held too long"
QUARANTINED_TOO_LONG = "quarantined too long"


def expire_held(run: Run) -> Iterator[None]:
    """Mail that has been due for so long, on an endpoint that is disabled now."""
    too_old = {"status__in": Delivery.OPEN, "due_at__lt": run.cutoffs.held}
    is_sending = Q(claimed_until__gt=timezone.now())
    disabled = Lane.objects.filter(state=Lane.State.DISABLED, due_at__isnull=False)
    for endpoint_id in list(disabled.order_by("pk").values_list("pk", flat=True)):
        held = Delivery.objects.filter(~is_sending, endpoint_id=endpoint_id, **too_old)
        for ids in pages(held, by="due_at"):
            run.count(held=_discard(run, ids, HELD_TOO_LONG, too_old))
            yield


def expire_quarantined(run: Run) -> Iterator[None]:
    too_old = {"status": Delivery.Status.QUARANTINED, "updated_at__lt": run.cutoffs.quarantined}
    quarantined = Delivery.objects.filter(**too_old)
    for ids in pages_by_domain(quarantined, by="created_at", before=run.cutoffs.quarantined):
        run.count(quarantined=_discard(run, ids, QUARANTINED_TOO_LONG, too_old))
        yield


def _discard(run: Run, ids: Collection[uuid.UUID], reason: str, too_old: dict[str, Any]) -> int:
    if run.is_dry:
        return len(ids)
    return discarding.discard(ids, reason=reason, **too_old)
