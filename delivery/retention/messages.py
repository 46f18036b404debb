"""Messages that are over, with what is left of their log."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from delivery.models import ArchiveDue, Delivery, Message, StoredObject
from delivery.retention import deliveries
from delivery.retention.needed import messages_needed
from delivery.retention.objects import Attachments
from delivery.retention.rows import erase_where, lock, wait_for
from delivery.retention.run import Run
from delivery.retention.walk import pages_by_domain

_attachments = StoredObject.objects.filter(message_id=OuterRef("pk"), number__gt=StoredObject.RAW)


def delete_old(run: Run, attachments: Attachments) -> Iterator[None]:
    before = run.cutoffs.rows
    over = Message.objects.exclude(messages_needed(run.cutoffs, before=before))
    for page in pages_by_domain(Message.objects.all(), by="received_at", before=before):
        chosen = over.filter(pk__in=page)
        yield from attachments.delete_left_over(chosen)
        if run.is_dry:
            run.count(messages=chosen.count())
        else:
            run.count(**_delete(chosen.filter(~Exists(_attachments))))
        yield


def _delete(chosen: QuerySet[Message]) -> dict[str, int]:
    """What the bucket keeps, keeps its message: it names the object."""
    with transaction.atomic():
        ids = lock(chosen)
        wait_for(Delivery.objects.filter(message_id__in=ids))
        # One of them may have been made due again while we waited for its lock.
        ids = list(chosen.filter(pk__in=ids).values_list("pk", flat=True))
        log = list(Delivery.objects.filter(message_id__in=ids).values_list("pk", flat=True))
        erased = deliveries.erase(log)
        erase_where(StoredObject, message_id__in=ids)  # of the archive
        erase_where(ArchiveDue, message_id__in=ids)  # left from a bucket that is no more
        return {**erased, "messages": erase_where(Message, pk__in=ids)}
