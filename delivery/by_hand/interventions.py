"""What people do to mail that waits, or has ended: release it, or try again."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from delivery.by_hand import destinations
from delivery.by_hand.destinations import Destination
from delivery.courier import claims
from delivery.models import Delivery
from delivery.routing import endpoints
from delivery.routing.endpoints import EndpointsGone
from fastsmtp import maillog

Status = Delivery.Status

AT_ONCE = 500  # deliveries in one transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """What became of the wish to make deliveries due: each is in one of these."""

    done: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)  # with their endpoints
    refused: dict[uuid.UUID, str] = field(default_factory=dict)  # with a sentence
    elsewhere: dict[uuid.UUID, uuid.UUID] = field(default_factory=dict)  # not to the `only_to`
    before: list[Delivery] = field(default_factory=list)  # what is done, as it was


def retry(delivery_ids: Collection[uuid.UUID], *, by: str = "") -> Again:
    """Due now, with a fresh set of tries; also what waits, or was delivered: then it is a replay.
    Ids that do not exist are in neither part of the answer."""

    def log(before: Delivery) -> None:
        maillog.retried(
            message_id=before.message_id,
            delivery_id=before.id,
            recipient=before.recipient_address,
            by=by,
        )

    return _in_batches(delivery_ids, _refuse_retry, log)


def release(delivery_ids: Collection[uuid.UUID], *, by: str = "") -> int:
    """Those of them that are quarantined become due now; returns how many.

    One that was never decided (`routing_error`), or whose recipient is gone, stays.
    """

    def log(before: Delivery) -> None:
        maillog.released(
            message_id=before.message_id,
            recipient=before.recipient_address,
            reason=before.reason,
            by=by,
        )

    return len(_in_batches(delivery_ids, _refuse_release, log).done)


def make_due(
    delivery_ids: Collection[uuid.UUID],
    refuse: "Refuse | None" = None,
    *,
    only_to: uuid.UUID | None = None,
) -> Again:
    """In one transaction; `retry` unless told otherwise. With `only_to`, those that would go to
    another endpoint are left alone. Raises EndpointsGone: to be repeated from the beginning."""
    refuse = refuse or _refuse_retry
    now = timezone.now()
    answer = Again()
    places: dict[uuid.UUID, Destination] = {}
    with transaction.atomic():
        for delivery in destinations.with_related(delivery_ids):
            place = refuse(delivery, now) or destinations.find(delivery)
            if isinstance(place, str):
                answer.refused[delivery.id] = place
            elif only_to not in (None, place.endpoint_id):
                answer.elsewhere[delivery.id] = place.endpoint_id
            else:
                places[delivery.id] = place
        # Lanes before deliveries, as everybody who locks both.
        endpoints.wake({place.endpoint_id for place in places.values()}, at=now)
        chosen: dict[tuple[Destination, bool], list[uuid.UUID]] = defaultdict(list)
        locked = list(Delivery.objects.filter(id__in=places).select_for_update().order_by("id"))
        with_bytes = destinations.with_bytes(places)
        lost = {}
        for delivery in locked:
            refusal = refuse(delivery, now)  # it changed since we looked
            if not refusal and delivery.id not in with_bytes:
                refusal = destinations.NO_BYTES
            if refusal:
                answer.refused[delivery.id] = refusal
                continue
            place = places[delivery.id]
            answer.done[delivery.id] = place.endpoint_id
            answer.before.append(delivery)
            chosen[place, delivery.status in _ENDED].append(delivery.id)
            if delivery.claim_id is not None:
                lost[delivery.id] = delivery.attempts
        claims.note_lost(lost)
        for (place, has_ended), ids in chosen.items():
            _write_due(ids, place, now, has_ended=has_ended)
    return answer


type Refuse = Callable[[Delivery, datetime], str]

_ENDED = (Status.DELIVERED, Status.EXHAUSTED, Status.DISCARDED, Status.CANCELLED)


def _in_batches(
    delivery_ids: Collection[uuid.UUID], refuse: Refuse, log: Callable[[Delivery], None]
) -> Again:
    answer = Again()
    for ids in batched(delivery_ids, AT_ONCE):
        try:
            part = make_due(ids, refuse)
        except EndpointsGone:
            part = make_due(ids, refuse)
        for delivery in part.before:
            log(delivery)
        answer.done.update(part.done)
        answer.refused.update(part.refused)
    return answer


def _refuse_retry(delivery: Delivery, now: datetime) -> str:
    if delivery.claimed_until is not None and delivery.claimed_until > now:
        return "It is being sent."
    if delivery.status == Status.DROPPED:
        return "It was dropped by the rules; a replay can evaluate them again."
    if delivery.status == Status.QUARANTINED:
        return "It is quarantined; release or discard it."
    return ""


def _refuse_release(delivery: Delivery, now: datetime) -> str:
    if delivery.status != Status.QUARANTINED:
        return "It is not quarantined."
    return "" if delivery.endpoint_id else "Its rules were never evaluated; replay it with them."


def _write_due(
    ids: Sequence[uuid.UUID], place: Destination, now: datetime, *, has_ended: bool
) -> None:
    Delivery.objects.filter(id__in=ids).update(
        status=Status.PENDING,
        reason="",
        tries=0,
        oversize_failures=0,
        due_at=now,
        claim_id=None,
        claimed_until=None,
        delivered_at=None,
        recipient_id=place.recipient_id,
        endpoint_id=place.endpoint_id,
        webhook_url=place.url,
        replays=F("replays") + int(has_ended),
        updated_at=now,
    )
