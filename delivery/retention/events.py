"""What people were told, and what is left of things that are gone."""

from django.db import transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from accounts.models import Domain
from delivery.models import Endpoint, EventNote, EventSending, Incident, OperationalEvent
from delivery.retention.rows import erase_where, lock
from delivery.retention.run import Run
from delivery.retention.walk import pages

_has_endpoint = Exists(Endpoint.objects.filter(pk=OuterRef("endpoint_id")))
_has_domain = Exists(Domain.objects.filter(pk=OuterRef("domain_id")))


def delete_old(run: Run) -> None:
    before = run.cutoffs.events
    _delete(run, "events", OperationalEvent.objects.filter(created_at__lt=before), by="created_at")
    # Notes are gathered within seconds, but for those that only a newer version understands.
    _delete(run, "event_notes", EventNote.objects.filter(at__lt=before), by="pk")
    # An incident has no age: it knows what people believe of an endpoint.
    is_about_nothing = Q(endpoint_id__isnull=False) & ~_has_endpoint | ~_has_domain
    _delete(run, "incidents", Incident.objects.filter(is_about_nothing), by="pk")


def _delete[M: Model](run: Run, kind: str, rows: QuerySet[M], *, by: str) -> None:
    for page in pages(rows, by=by):
        chosen = rows.filter(pk__in=page)
        if run.is_dry:
            run.done(**{kind: chosen.count()})
            continue
        with transaction.atomic():
            ids = lock(chosen)
            if rows.model is OperationalEvent:
                erase_where(EventSending, event_id__in=ids)
            count = erase_where(rows.model, pk__in=ids)
        run.done(**{kind: count})
