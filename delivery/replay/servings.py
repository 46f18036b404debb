"""What one lane gets of a replay at once: deliveries made due, or messages decided again."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from delivery.by_hand import interventions
from delivery.by_hand.interventions import Refuse
from delivery.models import Delivery, Replay, ReplayItem
from delivery.replay import generations, judging
from delivery.replay.selection import REPLAYABLE
from delivery.routing import delivery_rows, endpoints, unrouted
from delivery.routing.verdicts import Decisions
from fastsmtp.crash import crash_point

Status = Delivery.Status

type IsFree = Callable[[uuid.UUID], bool]


class _Refusal(StrEnum):
    """Why a delivery is not made due."""

    BEING_SENT = "It is being sent."
    ARRIVED = "It was delivered since the replay was asked for."
    NOT_PLAINLY = "Only its rules can let it go."
    DECIDED_AGAIN = "Its message was decided again."  # its next generation is sent instead


def choose(replay: Replay, endpoint_id: uuid.UUID, size: int) -> list[uuid.UUID]:
    """The deliveries, or messages, that come next. What is being sent stays where it is until its
    call is over, and those behind it go first. Inside a transaction with the replay's lock."""
    subject = "message_id" if replay.reevaluate_rules else "id"
    theirs = Delivery.objects.filter(**{subject: OuterRef("subject_id")})
    is_sending = Exists(theirs.filter(claimed_until__gt=timezone.now()))
    waiting = _waiting(replay, endpoint_id).filter(~is_sending)
    if replay.reevaluate_rules:
        return judging.take(waiting, size)
    return list(waiting.order_by("id").values_list("subject_id", flat=True)[:size])


def judge(replay: Replay, subject_ids: Sequence[uuid.UUID]) -> Decisions:
    """What the rules say of them, if they are asked again. Before the transaction: a large mail
    takes its time."""
    if not replay.reevaluate_rules:
        return {}
    return judging.judge(replay, subject_ids)


def serve(
    replay: Replay,
    endpoint_id: uuid.UUID,
    subject_ids: Collection[uuid.UUID],
    decisions: Decisions,
    *,
    is_free: IsFree,
) -> set[uuid.UUID]:
    """Inside a transaction with the replay's lock. Returns the endpoints that got something to do.
    What turns out to belong to another lane waits for that one. Raises EndpointsGone."""
    waiting = _waiting(replay, endpoint_id).filter(subject_id__in=subject_ids)
    ids = list(waiting.values_list("subject_id", flat=True))
    if replay.reevaluate_rules:
        return _decide_again(replay, ids, decisions, endpoint_id, is_free)
    return _make_due(replay, ids, endpoint_id)


def give_up(replay: Replay, subject_id: uuid.UUID, error: Exception) -> None:
    """One that cannot be served, whatever is done. Inside a transaction with the replay's lock."""
    mine = ReplayItem.objects.filter(replay=replay, subject_id=subject_id, is_queued=False)
    given_up, _ = mine.delete()
    _count(replay, queued=0, not_replayable=given_up)
    what = "message" if replay.reevaluate_rules else "delivery"
    reason = f"{what} {subject_id} cannot be replayed ({type(error).__name__})"
    Replay.objects.filter(pk=replay.pk).update(reason=reason)


def _waiting(replay: Replay, endpoint_id: uuid.UUID) -> QuerySet[ReplayItem]:
    return ReplayItem.objects.filter(replay=replay, is_queued=False, endpoint_id=endpoint_id)


def _make_due(replay: Replay, ids: Sequence[uuid.UUID], endpoint_id: uuid.UUID) -> set[uuid.UUID]:
    again = interventions.make_due(ids, _refuse_for(replay), only_to=endpoint_id)
    crash_point("in_feeding")
    _move(replay, again.elsewhere)
    chosen = ReplayItem.objects.filter(replay=replay)
    arrived = [id for id, refusal in again.refused.items() if refusal == _Refusal.ARRIVED]
    queued = chosen.filter(subject_id__in=[*again.done, *arrived]).update(is_queued=True)
    stay = {id for id, refusal in again.refused.items() if refusal == _Refusal.BEING_SENT}
    lost = set(ids) - {*again.done, *again.elsewhere, *arrived, *stay}
    chosen.filter(subject_id__in=lost).delete()
    _count(replay, queued=queued, not_replayable=len(lost))
    return set(again.done.values())


def _refuse_for(replay: Replay) -> Refuse:
    """What a plain replay does not make due, whatever people may do by hand with a single one."""

    def refuse(delivery: Delivery, now: datetime) -> str:
        if delivery.claimed_until is not None and delivery.claimed_until > now:
            return _Refusal.BEING_SENT
        if delivery.status not in REPLAYABLE:
            return _Refusal.NOT_PLAINLY
        if delivery.status == Status.CANCELLED and delivery.reason == generations.DECIDED_AGAIN:
            return _Refusal.DECIDED_AGAIN
        if delivery.delivered_at is not None and delivery.delivered_at > replay.created_at:
            return _Refusal.ARRIVED
        return ""

    return refuse


def _decide_again(
    replay: Replay,
    ids: Sequence[uuid.UUID],
    decisions: Decisions,
    endpoint_id: uuid.UUID,
    is_free: IsFree,
) -> set[uuid.UUID]:
    """Their next generation, for every recipient. A verdict may lead to a lane that is busy: then
    the message waits for that one, and is decided again."""
    messages = unrouted.lock_routed(ids)
    judged = [message for message in messages if message.id in decisions]
    now = timezone.now()
    rows: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in delivery_rows.make(judged, decisions, now, generations=generations.next_of(ids)):
        rows[row["message_id"]].append(row)
    elsewhere = _busy_lanes(rows, endpoint_id, is_free)
    for message_id in elsewhere:
        del rows[message_id]
    _move(replay, elsewhere)
    # Lanes before deliveries, as everybody who locks both.
    endpoints.wake({lane for theirs in rows.values() for lane in _lanes(theirs)}, at=now)
    sending = generations.cancel_waiting(rows)
    for message_id in sending:
        del rows[message_id]
    made = [row for theirs in rows.values() for row in theirs]
    delivery_rows.store(judged, made)
    crash_point("in_feeding")
    lost = set(ids) - {message.id for message in messages}
    done = {message.id for message in judged} - set(elsewhere) - sending
    ReplayItem.objects.filter(replay=replay, subject_id__in=lost | done).delete()
    ReplayItem.objects.bulk_create(
        ReplayItem(
            replay=replay,
            subject_id=row["id"],
            endpoint_id=row["endpoint_id"] or endpoint_id,
            is_queued=True,
        )
        for row in made
    )
    delivery_rows.log(made, decisions)
    _count(replay, queued=len(made), not_replayable=len(lost))
    return _lanes(made)


def _busy_lanes(
    rows: Mapping[uuid.UUID, Sequence[dict[str, Any]]], endpoint_id: uuid.UUID, is_free: IsFree
) -> dict[uuid.UUID, uuid.UUID]:
    """The messages that have to wait for another lane, with it."""
    elsewhere = {}
    for message_id, theirs in rows.items():
        others = sorted(_lanes(theirs) - {endpoint_id})
        busy = next((lane for lane in others if not is_free(lane)), None)
        if busy is not None:
            elsewhere[message_id] = busy
    return elsewhere


def _lanes(rows: Sequence[dict[str, Any]]) -> set[uuid.UUID]:
    """Where they are to be sent."""
    return {row["endpoint_id"] for row in rows if row["due_at"]}


def _move(replay: Replay, elsewhere: dict[uuid.UUID, uuid.UUID]) -> None:
    by_lane = defaultdict(list)
    for subject_id, endpoint_id in elsewhere.items():
        by_lane[endpoint_id].append(subject_id)
    for endpoint_id, subject_ids in by_lane.items():
        ReplayItem.objects.filter(replay=replay, subject_id__in=subject_ids).update(
            endpoint_id=endpoint_id
        )


def _count(replay: Replay, *, queued: int, not_replayable: int) -> None:
    Replay.objects.filter(pk=replay.pk).update(
        queued=F("queued") + queued, not_replayable=F("not_replayable") + not_replayable
    )
