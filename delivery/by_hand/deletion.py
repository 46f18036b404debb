"""What is deleted from the directory takes with it what waits for it.

However much that is, no transaction is long: most of it is cancelled before, in batches, and the
last one cancels what came meanwhile, and deletes.
"""

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Domain
from delivery.courier import claims
from delivery.models import Delivery, Endpoint, Incident, Lane, Recipient, Replay
from delivery.replay import replays

CANCELLED_AT_ONCE = 500  # deliveries in one transaction


def delete_domain(domain: Domain) -> int:
    """Deletes a domain with its configuration; what waits for it is cancelled, and counted."""
    reason = "the domain was deleted"
    waiting = _waiting(domain.id)
    cancelled = _cancel_in_batches(waiting, reason)
    with transaction.atomic():
        # Replays before lanes, lanes before deliveries, as everybody who locks several.
        replays.cancel_all(Replay.objects.filter(domain_id=domain.id), reason=reason)
        cancelled += _cancel_rest(domain.id, waiting, reason)
        Incident.objects.filter(domain_id=domain.id).delete()
        domain.delete()
    return cancelled


def delete_recipient(recipient: Recipient) -> int:
    """Deletes a recipient; what waits for it is cancelled, and counted."""
    reason = "the recipient was deleted"
    waiting = _waiting(recipient.domain_id).filter(recipient_id=recipient.id)
    cancelled = _cancel_in_batches(waiting, reason)
    with transaction.atomic():
        cancelled += _cancel_rest(recipient.domain_id, waiting, reason)
        recipient.delete()
    return cancelled


def _waiting(domain_id: uuid.UUID) -> QuerySet[Delivery]:
    endpoints = Endpoint.objects.filter(domain_id=domain_id).values("id")
    return Delivery.objects.filter(endpoint_id__in=endpoints, due_at__isnull=False)


def _cancel_in_batches(waiting: QuerySet[Delivery], reason: str) -> int:
    """What is left fits into one transaction."""
    cancelled = 0
    while True:
        ids = list(waiting.values_list("id", flat=True)[:CANCELLED_AT_ONCE])
        if len(ids) < CANCELLED_AT_ONCE:
            return cancelled
        with transaction.atomic():
            cancelled += _cancel(waiting.filter(id__in=ids), reason)


def _cancel_rest(domain_id: uuid.UUID, waiting: QuerySet[Delivery], reason: str) -> int:
    """With the lanes' locks: routing that is about to add deliveries waits for us, and then finds
    the lane gone."""
    theirs = Endpoint.objects.filter(domain_id=domain_id).values("id")
    list(Lane.objects.select_for_update().filter(endpoint_id__in=theirs).order_by("pk"))
    return _cancel(waiting, reason)


def _cancel(deliveries: QuerySet[Delivery], reason: str) -> int:
    # Locked in the order in which the recorder writes: neither waits for the other for ever.
    columns = deliveries.values_list("id", "claimed_until", "attempts")
    locked = list(columns.select_for_update().order_by("id"))
    now = timezone.now()
    claims.note_lost({id: attempts for id, until, attempts in locked if until and until <= now})
    return deliveries.update(
        status=Delivery.Status.CANCELLED,
        reason=reason,
        due_at=None,
        claim_id=None,
        claimed_until=None,
        updated_at=now,
    )
