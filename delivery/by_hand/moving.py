"""What waits at the endpoint of a URL that was corrected, and how it leaves."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Exists, F, Q, QuerySet
from django.utils import timezone

from delivery.by_hand import destinations
from delivery.courier import claims
from delivery.models import Delivery, Endpoint, Recipient, Relocation
from delivery.routing import endpoints

ROWS_AT_ONCE = 10_000  # waiting deliveries read by one statement


def waiting(source: Endpoint, recipient_ids: Collection[uuid.UUID]) -> QuerySet[Delivery]:
    """What no rule has sent there; rows of the previous version do not say."""
    of_a_rule = Exists(destinations.rules_to(source.domain_id, source.url))
    return Delivery.objects.filter(
        Q(is_overridden=False) | Q(is_overridden=None) & ~of_a_rule,
        endpoint_id=source.pk,
        due_at__isnull=False,
        recipient_id__in=recipient_ids,
    )


def read(waiting: QuerySet[Delivery]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The recipients, with what is not being sent."""
    theirs: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    columns = waiting.order_by("due_at").values_list("recipient_id", "id", "claimed_until")
    for recipient_id, id, claimed_until in columns[:ROWS_AT_ONCE]:
        ids = theirs[recipient_id]
        if claimed_until is None or claimed_until <= timezone.now():
            ids.append(id)
    return theirs


def move(source: Endpoint, recipient_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> uuid.UUID | None:
    """To where the recipient's mail goes now: it may have been corrected once more. What is being
    sent stays until its call is over.

    Returns the endpoint that got something to do. Raises EndpointsGone, Recipient.DoesNotExist."""
    now = timezone.now()
    with transaction.atomic():
        url = Recipient.objects.values_list("webhook_url", flat=True).get(pk=recipient_id)
        endpoint_id = endpoints.id_of(source.domain_id, url)
        if endpoint_id == source.pk:  # corrected back
            return None
        endpoints.wake({endpoint_id}, at=now)
        is_free = Q(claim_id=None) | Q(claimed_until__lte=now)
        free = waiting(source, {recipient_id}).filter(is_free, id__in=ids)
        columns = free.values_list("id", "claim_id", "attempts")
        locked = list(columns.select_for_update().order_by("id"))
        claims.note_lost({id: attempts for id, claim_id, attempts in locked if claim_id})
        moved = Delivery.objects.filter(id__in=[id for id, *_ in locked]).update(
            endpoint_id=endpoint_id,
            webhook_url=url,
            due_at=now,
            tries=0,
            claim_id=None,
            claimed_until=None,
            updated_at=now,
        )
        Relocation.objects.filter(endpoint=source, recipient_id=recipient_id).update(
            moved=F("moved") + moved
        )
    return endpoint_id if moved else None
