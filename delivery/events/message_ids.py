"""The Message-ID of a mail that tells of an event, by which it is known when it comes back."""

import uuid
from collections.abc import Mapping

from delivery.models import OperationalEvent


def message_id_of(event_id: uuid.UUID, *, sender: str) -> str:
    """The same for every try, so that whoever gets it twice can tell."""
    return f"<{event_id}@{sender.rpartition('@')[2]}>"


def find_own_mail(message_ids: Mapping[uuid.UUID, str]) -> set[uuid.UUID]:
    """Messages that tell of an event of ours, from our row to the Message-ID. Anybody can write our
    address into a From; the id of an event is random, and only its audience knows it."""
    named = {id: event_id for id, text in message_ids.items() if (event_id := _event_id_in(text))}
    if not named:
        return set()
    events = OperationalEvent.objects.filter(id__in=set(named.values()))
    known = set(events.values_list("id", flat=True))
    return {id for id, event_id in named.items() if event_id in known}


def _event_id_in(message_id: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(message_id.strip("<> ").partition("@")[0])
    except ValueError:
        return None
