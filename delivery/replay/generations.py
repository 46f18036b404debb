"""The generations of a message's deliveries: rules that are evaluated again make the next one, and
what still waits of those before is not sent beside it."""

import uuid
from collections.abc import Collection

from django.db.models import Max, Q
from django.utils import timezone

from delivery.models import Delivery
from fastsmtp import maillog

Status = Delivery.Status

DECIDED_AGAIN = "decided again"


def next_of(message_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Under the messages' locks."""
    theirs = Delivery.objects.filter(message_id__in=message_ids).order_by()
    last = theirs.values_list("message_id").annotate(last=Max("generation"))
    return {message_id: generation + 1 for message_id, generation in last}


def cancel_waiting(message_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Cancels what is open or quarantined, under the locks of the messages and of the lanes that
    get the next generation. Returns the messages that are left alone, because a call may be on its
    way: nobody knows yet whether it arrives."""
    now = timezone.now()
    waiting = Q(status__in=Delivery.OPEN) | Q(status=Status.QUARANTINED)
    rows = list(
        Delivery.objects.filter(waiting, message_id__in=message_ids)
        .select_for_update()
        .order_by("id")
        .only("id", "message_id", "recipient_address", "claimed_until")
    )
    sending = {row.message_id for row in rows if row.claimed_until and row.claimed_until > now}
    cancelled = [row for row in rows if row.message_id not in sending]
    Delivery.objects.filter(id__in=[row.id for row in cancelled]).update(
        status=Status.CANCELLED,
        reason=DECIDED_AGAIN,
        due_at=None,
        claim_id=None,
        claimed_until=None,
        updated_at=now,
    )
    for row in cancelled:
        maillog.decided(
            message_id=row.message_id,
            recipient=row.recipient_address,
            status=Status.CANCELLED.value,
            reason=DECIDED_AGAIN,
        )
    return sending
