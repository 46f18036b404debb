"""The log: deliveries that are over, with their attempts."""

import uuid
from collections.abc import Collection, Iterator

from django.db import transaction

from delivery.models import Attempt, Delivery
from delivery.retention.needed import deliveries_over
from delivery.retention.rows import erase_where, lock
from delivery.retention.run import Run
from delivery.retention.walk import pages_by_domain


def delete_old(run: Run) -> Iterator[None]:
    log = run.cutoffs.log
    over = Delivery.objects.filter(deliveries_over(run.cutoffs, before=log))
    for page in pages_by_domain(Delivery.objects.all(), by="created_at", before=log):
        chosen = over.filter(pk__in=page)
        if run.is_dry:
            ids = list(chosen.values_list("pk", flat=True))
            attempts = Attempt.objects.filter(delivery_id__in=ids).count()
            run.count(deliveries=len(ids), attempts=attempts)
        else:
            with transaction.atomic():
                counts = erase(lock(chosen))
            run.count(**counts)
        yield


def erase(ids: Collection[uuid.UUID]) -> dict[str, int]:
    """Inside a transaction that has locked them."""
    return {
        "attempts": erase_where(Attempt, delivery_id__in=ids),
        "deliveries": erase_where(Delivery, pk__in=ids),
    }
