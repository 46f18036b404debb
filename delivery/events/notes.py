"""Notes: what happened, written in the transaction in which it happened. Neither a crash nor an
outage can lose one or make one of what was rolled back; where nothing happened, nothing is asked.

What becomes of a mail that tells of an event, come back because an owner's address is here, is no
event, or each would bring the next.
"""

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from delivery.courier.lane_health import LaneChange
from delivery.courier.settlement import Settled
from delivery.events.kinds import EventType
from delivery.events.message_ids import find_own_mail
from delivery.lanes.health import Health, LaneState
from delivery.models import Delivery, EventNote
from delivery.routing.unrouted import Unrouted

MAX_REASON_LENGTH = 200  # characters
MAX_REASONS = 10  # of one note or incident; the others are counted together
MAX_DELIVERIES = 5  # named as examples
OTHER_REASONS = "other reasons"

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def note_lane_changes(changes: Iterable[LaneChange]) -> None:
    """Pausing and probing are the same for people: the endpoint takes no mail."""
    notes = [_lane_note(type, change) for change in changes if (type := _type_of(change))]
    if notes:
        EventNote.objects.bulk_create(notes)


def note_exhausted(settled: Sequence[Settled]) -> None:
    """After the deliveries were written: only what this transaction has exhausted counts, not what
    somebody else did whose claim came after ours."""
    ours = {
        item.outcome.job.delivery_id: item
        for item in settled
        if item.status is Delivery.Status.EXHAUSTED
    }
    if not ours:
        return
    written = Delivery.objects.filter(id__in=ours, status=Delivery.Status.EXHAUSTED)
    columns = ("id", "updated_at", "message_id", "message__internet_message_id")
    rows = written.values_list(*columns)
    own = find_own_mail({message_id: text for _, _, message_id, text in rows})
    by_endpoint: dict[uuid.UUID, list[Settled]] = defaultdict(list)
    for id, updated_at, message_id, _ in rows:
        item = ours[id]
        is_ours = updated_at == item.outcome.finished_at
        if is_ours and message_id not in own:
            by_endpoint[item.outcome.job.endpoint_id].append(item)
    EventNote.objects.bulk_create(
        EventNote(
            type=EventType.EXHAUSTED,
            endpoint_id=endpoint_id,
            at=max(item.outcome.finished_at for item in items),
            **_summary([(item.outcome.job.delivery_id, item.reason) for item in items]),
        )
        for endpoint_id, items in by_endpoint.items()
    )


def note_quarantined(messages: Sequence[Unrouted], rows: Sequence[Mapping[str, Any]]) -> None:
    """`rows` are the deliveries that routing has made of `messages`."""
    quarantined = [
        row for row in rows if row["status"] == Delivery.Status.QUARANTINED and row["domain_id"]
    ]
    concerned = {row["message_id"] for row in quarantined}
    own = find_own_mail(
        {message.id: message.internet_message_id for message in messages if message.id in concerned}
    )
    by_domain: dict[uuid.UUID, list[tuple[uuid.UUID, str]]] = defaultdict(list)
    for row in quarantined:
        if row["message_id"] not in own:
            by_domain[row["domain_id"]].append((row["id"], row["reason"]))
    if not by_domain:
        return
    now = timezone.now()
    EventNote.objects.bulk_create(
        EventNote(type=EventType.QUARANTINED, domain_id=domain_id, at=now, **_summary(reasons))
        for domain_id, reasons in by_domain.items()
    )


def merge_reasons(*counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent ones first; what is too many becomes one."""
    total = sum(map(Counter, counts), Counter[str]())
    others = total.pop(OTHER_REASONS, 0)
    kept = dict(total.most_common(MAX_REASONS))
    others += total.total() - sum(kept.values())
    return kept | ({OTHER_REASONS: others} if others else {})


def _lane_note(type: EventType, change: LaneChange) -> EventNote:
    job = change.outcome.job
    reason = change.after.disabled_reason or change.outcome.error
    return EventNote(
        type=type,
        endpoint_id=job.endpoint_id,
        at=change.outcome.finished_at,
        reasons={_clean(reason): 1} if reason else {},
    )


def _type_of(change: LaneChange) -> EventType | None:
    before, after = _seen(change.before), _seen(change.after)
    if before is after or after is LaneState.PROBING:
        return None
    return {
        LaneState.ACTIVE: EventType.RECOVERED,
        LaneState.PAUSED: EventType.PAUSED,
        LaneState.DISABLED: EventType.DISABLED,
    }[after]


def _seen(health: Health) -> LaneState:
    """`PROBING` here: enabled by a person, and not known to work or to fail since."""
    if health.state in (LaneState.PAUSED, LaneState.PROBING):
        return LaneState.PAUSED if health.failing_since else LaneState.PROBING
    return health.state


def _summary(reasons: Iterable[tuple[uuid.UUID, str]]) -> dict[str, Any]:
    pairs = list(reasons)
    return {
        "count": len(pairs),
        "reasons": merge_reasons(Counter(_clean(reason) for _, reason in pairs)),
        "deliveries": [str(id) for id, _ in pairs[:MAX_DELIVERIES]],
    }


def _clean(reason: str) -> str:
    """One line of printable text: parts of it came from receivers."""
    return _UNPRINTABLE.sub(" ", reason).strip()[:MAX_REASON_LENGTH]
