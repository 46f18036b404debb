"""Mail that waits for people, and of which they, or its age, say: nothing more is done for it."""

import uuid
from collections.abc import Collection
from itertools import batched

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from delivery.by_hand.interventions import AT_ONCE
from delivery.courier import claims
from delivery.models import Delivery, Lane
from fastsmtp import maillog


def discard(
    delivery_ids: Collection[uuid.UUID],
    *,
    by: str = "",
    reason: str = "discarded",
    **conditions: object,
) -> int:
    """Nothing more is done for those of them that are quarantined or held; returns how many.

    One that is being sent is not held: its call may succeed. `conditions` on the delivery are
    looked at under its lock.
    """
    count = 0
    for ids in batched(delivery_ids, AT_ONCE):
        discarded = _discard(Delivery.objects.filter(id__in=ids, **conditions), reason)
        for delivery in discarded:
            maillog.discarded(
                message_id=delivery.message_id,
                delivery_id=delivery.id,
                recipient=delivery.recipient_address,
                reason=reason,
                by=by,
            )
        count += len(discarded)
    return count


def _discard(chosen: QuerySet[Delivery], reason: str) -> list[Delivery]:
    now = timezone.now()
    with transaction.atomic():
        theirs = Lane.objects.filter(endpoint_id__in=chosen.values("endpoint_id"))
        disabled = [
            lane.pk
            for lane in theirs.select_for_update().order_by("pk")
            if lane.state == Lane.State.DISABLED
        ]
        is_held = Q(status__in=Delivery.OPEN, endpoint_id__in=disabled) & ~Q(claimed_until__gt=now)
        mine = chosen.filter(Q(status=Delivery.Status.QUARANTINED) | is_held)
        locked = list(mine.select_for_update().order_by("id"))
        claims.note_lost({row.id: row.attempts for row in locked if row.claim_id is not None})
        Delivery.objects.filter(id__in=[row.id for row in locked]).update(
            status=Delivery.Status.DISCARDED,
            reason=reason,
            due_at=None,
            claim_id=None,
            claimed_until=None,
            updated_at=now,
        )
    return locked
