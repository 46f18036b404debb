"""Replays: many deliveries made again in the background. They are asked for, counted and cancelled
here; `delivery.replay.feeding` works on them."""

import uuid
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from delivery.models import Delivery, Endpoint, Recipient, Replay, ReplayItem
from delivery.replay.selection import REPLAYABLE, Selection
from fastsmtp import maillog
from fastsmtp.words import counted

Status = Delivery.Status

COUNTED_AT_START = 100_000  # deliveries


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """Deliveries; or messages, when their rules are evaluated again."""

    matched: int
    not_replayable: int  # their bytes were deleted

    def sentence(self, *, reevaluate_rules: bool) -> str:
        kind = (
            ("message matches", "messages match")
            if reevaluate_rules
            else ("delivery matches", "deliveries match")
        )
        match = counted(self.matched, *kind)
        if not self.not_replayable:
            return f"{match}."
        cannot = counted(self.not_replayable, "is", "are")
        return f"{match}; {cannot} not replayable: the bytes were deleted."


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    delivered: int
    failed: int  # has failed and will be tried again, or has been given up
    waiting: int  # queued, and not called yet


class InvalidSelection(ValueError):
    """One sentence about its `status`, `recipient_id` or `endpoint_id`."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def check(domain_id: uuid.UUID, selection: Selection, *, reevaluate_rules: bool) -> None:
    """Raises InvalidSelection for what no plain replay can send, and for what is another domain's.
    What was deleted may still be named by deliveries."""
    wrong = sorted(set(selection.statuses) - set(REPLAYABLE))
    if wrong and not reevaluate_rules:
        what = " or ".join(wrong)
        raise InvalidSelection(
            "status", f"what is {what} can only be replayed with the rules evaluated again"
        )
    recipients = Recipient.objects.exclude(domain=domain_id)
    if selection.recipient_id and recipients.filter(pk=selection.recipient_id).exists():
        raise InvalidSelection("recipient_id", "the recipient is not of this domain")
    endpoints = Endpoint.objects.exclude(domain=domain_id)
    if selection.endpoint_id and endpoints.filter(pk=selection.endpoint_id).exists():
        raise InvalidSelection("endpoint_id", "the endpoint is not of this domain")


def count(domain_id: uuid.UUID, selection: Selection, *, reevaluate_rules: bool) -> Matches:
    """The dry run."""
    what = "message" if reevaluate_rules else "id"
    return Matches(
        **selection.deliveries(domain_id).aggregate(
            matched=Count(what, distinct=reevaluate_rules),
            not_replayable=Count(
                what, filter=Q(message__raw__isnull=True), distinct=reevaluate_rules
            ),
        )
    )


def count_few(
    domain_id: uuid.UUID, selection: Selection, *, reevaluate_rules: bool
) -> Matches | None:
    """None beyond `COUNTED_AT_START` deliveries: nobody who starts a replay waits for that."""
    found = selection.deliveries(domain_id).values("id")[: COUNTED_AT_START + 1]
    if found.count() > COUNTED_AT_START:
        return None
    return count(domain_id, selection, reevaluate_rules=reevaluate_rules)


def start(
    domain_id: uuid.UUID, selection: Selection, *, reevaluate_rules: bool, requested_by: str
) -> Replay:
    """Of what is there now; what comes later is not replayed. Raises InvalidSelection."""
    check(domain_id, selection, reevaluate_rules=reevaluate_rules)
    replay = Replay.objects.create(
        domain_id=domain_id,
        filter=selection.as_json(),
        reevaluate_rules=reevaluate_rules,
        requested_by=requested_by[:255],
    )
    maillog.replay_began(
        replay_id=replay.id,
        domain_id=domain_id,
        selection=replay.filter,
        with_rules=reevaluate_rules,
        by=requested_by,
    )
    return replay


def cancel(replay_id: uuid.UUID, *, by: str) -> bool:
    """Nothing more is queued; what is queued already goes its way. False if it had ended."""
    return cancel_all(Replay.objects.filter(pk=replay_id), reason=f"cancelled by {by}") > 0


def cancel_all(replays: QuerySet[Replay], *, reason: str) -> int:
    """Those that have not ended."""
    unfinished = replays.filter(state__in=Replay.UNFINISHED).select_related(None)
    return end(unfinished, Replay.State.CANCELLED, reason=reason)


def end(replays: QuerySet[Replay], state: Replay.State, *, reason: str = "") -> int:
    """Without a reason they keep what was said while they ran."""
    with transaction.atomic():
        ended = list(replays.select_for_update().order_by("id"))
        for replay in ended:
            replay.state, replay.finished_at = state, timezone.now()
            replay.reason = reason[:255] or replay.reason
            replay.save(update_fields=["state", "reason", "finished_at"])
    for replay in ended:
        maillog.replay_ended(
            replay_id=replay.id,
            state=state.value,
            reason=replay.reason,
            matched=replay.matched,
            queued=replay.queued,
            not_replayable=replay.not_replayable,
        )
    return len(ended)


def unfinished() -> QuerySet[Replay]:
    return Replay.objects.filter(state__in=Replay.UNFINISHED)


def lock(replay_id: uuid.UUID, state: Replay.State) -> Replay | None:
    """None while another process has it, and when it has come to its end."""
    skips = connection.features.has_select_for_update_skip_locked
    locked = Replay.objects.select_for_update(skip_locked=skips)
    return locked.filter(pk=replay_id, state=state).first()


def progress(replay: Replay) -> Progress:
    """What became of that which was queued; its deliveries are looked at."""
    queued = ReplayItem.objects.filter(replay=replay, is_queued=True)
    counts = dict(
        Delivery.objects.filter(id__in=queued.values("subject_id"))
        .order_by()
        .values_list("status")
        .annotate(count=Count("id"))
    )
    return Progress(
        delivered=counts.get(Status.DELIVERED, 0),
        failed=counts.get(Status.FAILED, 0) + counts.get(Status.EXHAUSTED, 0),
        waiting=counts.get(Status.PENDING, 0),
    )
