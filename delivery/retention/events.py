"""What people were told, and what is left of things that are gone."""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.models import Domain
from delivery.models import Endpoint, EventNote, EventSending, Incident, OperationalEvent
from delivery.retention.rows import erase_where, lock
from delivery.retention.run import Run
from delivery.retention.walk import pages

_has_endpoint = Exists(Endpoint.objects.filter(pk=OuterRef("endpoint_id")))
_has_domain = Exists(Domain.objects.filter(pk=OuterRef("domain_id")))


def delete_old(run: Run) -> Iterator[None]:
    before = run.cutoffs.events
    events = OperationalEvent.objects.filter(created_at__lt=before)
    yield from _delete(run, "events", events, by="created_at")
    # Notes are gathered within seconds, but for those that only a newer version understands.
    yield from _delete(run, "event_notes", EventNote.objects.filter(at__lt=before), by="pk")
    # An incident has no age: it knows what people believe of an endpoint.
    is_about_nothing = Q(endpoint_id__isnull=False) & ~_has_endpoint | ~_has_domain
    yield from _delete(run, "incidents", Incident.objects.filter(is_about_nothing), by="pk")


def _delete[M: Model](run: Run, kind: str, rows: QuerySet[M], *, by: str) -> Iterator[None]:
    for page in pages(rows, by=by):
        chosen = rows.filter(pk__in=page)
        if run.is_dry:
            run.count(**{kind: chosen.count()})
        else:
            run.count(**{kind: _erase(chosen)})
        yield


def _erase[M: Model](chosen: QuerySet[M]) -> int:
    with transaction.atomic():
        ids = lock(chosen)
        if chosen.model is OperationalEvent:
            erase_where(EventSending, event_id__in=ids)
        return erase_where(chosen.model, pk__in=ids)
