"""What is deleted from the directory takes with it what waits for it."""

import uuid
from collections.abc import Sequence
from itertools import batched

from django.db import transaction

from accounts.models import Domain
from delivery.models import Delivery, Endpoint, Lane, Recipient
from delivery.queue import update_in_order

CANCELLED_AT_ONCE = 500  # deliveries in one statement


def delete_domain(domain: Domain) -> int:
    """Deletes a domain with its configuration; what waits for it is cancelled, and counted."""
    with transaction.atomic():
        cancelled = _cancel(domain.id, reason="the domain was deleted")
        domain.delete()
    return cancelled


def delete_recipient(recipient: Recipient) -> int:
    """Deletes a recipient; what waits for it is cancelled, and counted."""
    with transaction.atomic():
        cancelled = _cancel(
            recipient.domain_id, reason="the recipient was deleted", recipient_id=recipient.id
        )
        recipient.delete()
    return cancelled


def _cancel(domain_id: uuid.UUID, *, reason: str, **conditions: object) -> int:
    endpoints = Endpoint.objects.filter(domain_id=domain_id).values("id")
    # The lanes' locks come first: routing that is about to add deliveries waits for us, and then
    # finds the lane gone.
    list(Lane.objects.select_for_update().filter(endpoint_id__in=endpoints).order_by("pk"))
    waiting = Delivery.objects.filter(
        endpoint_id__in=endpoints, due_at__isnull=False, **conditions
    ).order_by("id")
    return sum(
        _cancel_deliveries(ids, reason)
        for ids in batched(waiting.values_list("id", flat=True), CANCELLED_AT_ONCE)
    )


def _cancel_deliveries(ids: Sequence[uuid.UUID], reason: str) -> int:
    return update_in_order(
        Delivery.objects.filter(id__in=ids, due_at__isnull=False),
        status=Delivery.Status.CANCELLED,
        reason=reason,
        due_at=None,
        claim_id=None,
        claimed_until=None,
    )
