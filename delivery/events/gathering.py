"""From notes to incidents, in the order in which things happened."""

import uuid
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import transaction

from delivery.events.incidents import Pace, fold, key_of, types_touched
from delivery.events.kinds import EventType
from delivery.models import Endpoint, EventNote, Incident

BATCH = 500  # notes in one transaction

# Between two versions there may be notes that only the newer one knows what to do with.
_NOTES = EventNote.objects.filter(type__in=list(EventType))

_FIELDS = ("count", "reasons", "deliveries", "first_at", "last_at", "due_at")


def gather(pace: Pace) -> int:
    """Takes in all notes there are; returns how many. Raises DatabaseError having lost none."""
    total = 0
    while _NOTES.exists():
        count = _gather_batch(pace)
        total += count
        if count < BATCH:
            break
    return total


def _gather_batch(pace: Pace) -> int:
    with transaction.atomic():
        # Whoever comes second waits here: notes of one endpoint must be taken in their order.
        notes = list(_NOTES.select_for_update().order_by("id")[:BATCH])
        book = _Book(notes)
        for note in notes:
            book.fold(note, pace)
        book.save()
        EventNote.objects.filter(id__in=[note.id for note in notes]).delete()
    return len(notes)


class _Book:
    """The incidents that some notes are about, read once and written once."""

    def __init__(self, notes: Sequence[EventNote]) -> None:
        endpoint_ids = {note.endpoint_id for note in notes if note.endpoint_id is not None}
        self._domains = dict(
            Endpoint.objects.filter(id__in=endpoint_ids).values_list("id", "domain_id")
        )
        locked = Incident.objects.select_for_update().filter(key__in=set(_keys(notes)))
        self._incidents = {incident.key: incident for incident in locked.order_by("id")}
        self._new: dict[str, Incident] = {}

    def fold(self, note: EventNote, pace: Pace) -> None:
        """A note of an endpoint that is gone is passed over."""
        if note.endpoint_id is None or note.endpoint_id in self._domains:
            fold(note, partial(self._find, note), pace)

    def save(self) -> None:
        Incident.objects.bulk_update(self._incidents.values(), _FIELDS, batch_size=BATCH)
        # Most endpoints never have anything to tell, so no row is made for the mere question.
        Incident.objects.bulk_create(
            incident for incident in self._new.values() if incident.due_at is not None
        )

    def _find(self, note: EventNote, type: EventType) -> Incident:
        key = key_of(type, _subject(note))
        return self._incidents.get(key) or self._new.setdefault(
            key,
            Incident(
                key=key,
                type=type,
                domain_id=self._domain_of(note),
                endpoint_id=note.endpoint_id,
            ),
        )

    def _domain_of(self, note: EventNote) -> uuid.UUID:
        return self._domains[note.endpoint_id] if note.endpoint_id else _subject(note)


def _keys(notes: Iterable[EventNote]) -> Iterable[str]:
    return (key_of(type, _subject(note)) for note in notes for type in types_touched(note.type))


def _subject(note: EventNote) -> uuid.UUID:
    subject = note.endpoint_id or note.domain_id
    assert subject is not None, "a note is about an endpoint or a domain"
    return subject
