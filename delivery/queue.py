"""The queue: the only writer of messages, and what can be done to those that wait.

`accept` is the border of the product. What it has committed got, or may get, a 250 and is never
lost; whatever it raises has stored nothing.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from delivery import lanes, repetitions
from delivery.models import Delivery, Lane, Message, RawChunk, RawMessage
from delivery.models.message import CHUNK_SIZE
from delivery.submission import Submission
from fastsmtp.bulk import Insert
from fastsmtp.config import config
from fastsmtp.crash import crash_point
from fastsmtp.mail.headers import HeaderSummary, summarize

# How long the sweep leaves a new message to the task that was rung for it.
ROUTE_GRACE = timedelta(seconds=2)

_insert_raw = Insert(RawMessage, "id", "size", "sha256", "content", "created_at")
_insert_message = Insert(
    Message,
    "id",
    "domain_id",
    "raw_id",
    "mail_from",
    "rcpt_to",
    "helo",
    "client_ip",
    "tls_version",
    "tls_cipher",
    "smtputf8",
    "protocol",
    "size",
    "internet_message_id",
    "from_address",
    "subject",
    "dkim_result",
    "dkim_domain",
    "spf_result",
    "spf_domain",
    "authentication_results",
    "refusal",
    "received_at",
    "instance_id",
    "route_due_at",
)


def accept(batch: Sequence[Submission]) -> list[uuid.UUID]:
    """Stores all in one transaction, or raises and stores none. Returns the id to tell each sender:
    the submission's own, or that of an earlier mail of which it is a repetition.

    The bytes of large messages must have been stored before, by `store_large`.
    """
    summaries = [summarize(submission.raw) for submission in batch]
    with transaction.atomic():
        told = repetitions.remember(batch, summaries)
        new = [
            (submission, summary)
            for submission, summary, id in zip(batch, summaries, told, strict=True)
            if submission.id == id
        ]
        _insert_raw.execute([_raw_row(mail) for mail, _ in new if not mail.is_large])
        _insert_message.execute([row for mail in new for row in _message_rows(*mail)])
        crash_point("before_commit")
    return told


def store_large(submission: Submission) -> None:
    """Writes the bytes of a large message, chunk by chunk, outside the group commit.

    Without a message they are an orphan that the retention removes.
    """
    raw = RawMessage(**_raw_row(submission))
    raw.save(force_insert=True)
    for number, start in enumerate(range(CHUNK_SIZE, submission.size, CHUNK_SIZE), 1):
        content = submission.raw[start : start + CHUNK_SIZE]
        RawChunk(raw=raw, number=number, content=content).save(force_insert=True)


def _raw_row(submission: Submission) -> dict[str, object]:
    return {
        "id": submission.raw_id,
        "size": submission.size,
        "sha256": submission.sha256,
        "content": submission.raw[:CHUNK_SIZE],
        "created_at": submission.received_at,
    }


def _message_rows(submission: Submission, summary: HeaderSummary) -> Iterator[dict[str, object]]:
    for message_id, domain_id, recipients in submission.messages:
        yield {
            "id": message_id,
            "domain_id": domain_id,
            "raw_id": submission.raw_id,
            "mail_from": submission.mail_from,
            "rcpt_to": [[found.address, str(found.recipient_id)] for found in recipients],
            "helo": submission.helo,
            "client_ip": submission.client_ip,
            "tls_version": submission.tls[0],
            "tls_cipher": submission.tls[1],
            "smtputf8": submission.smtputf8,
            "protocol": submission.protocol,
            "size": submission.size,
            "internet_message_id": summary.internet_message_id,
            "from_address": summary.from_address,
            "subject": summary.subject,
            "dkim_result": submission.authentication.dkim_result,
            "dkim_domain": submission.authentication.dkim_domain,
            "spf_result": submission.authentication.spf_result,
            "spf_domain": submission.authentication.spf_domain,
            "authentication_results": submission.authentication.header,
            "refusal": submission.refusals.get(domain_id, ""),
            "received_at": submission.received_at,
            "instance_id": config().instance_id,
            "route_due_at": submission.received_at + ROUTE_GRACE,
        }


def release(delivery_ids: Collection[uuid.UUID]) -> int:
    """Those of them that are quarantined become due now; returns how many.

    One that never got an endpoint (`routing_error`), or whose endpoint is gone, stays.
    """
    now = timezone.now()
    with transaction.atomic():
        quarantined = Delivery.objects.filter(
            id__in=delivery_ids, status=Delivery.Status.QUARANTINED, endpoint__isnull=False
        )
        woken = lanes.wake(set(quarantined.values_list("endpoint_id", flat=True)), at=now)
        return update_in_order(
            quarantined.filter(endpoint_id__in=woken),
            status=Delivery.Status.PENDING,
            reason="",
            tries=0,
            due_at=now,
        )


def discard(delivery_ids: Collection[uuid.UUID]) -> int:
    """Nothing more is done for those of them that are quarantined or held; returns how many.

    One that is being sent is not held: its call may succeed.
    """
    chosen = Delivery.objects.filter(id__in=delivery_ids)
    with transaction.atomic():
        theirs = Lane.objects.filter(endpoint_id__in=chosen.values("endpoint_id"))
        disabled = [
            lane.pk
            for lane in theirs.select_for_update().order_by("pk")
            if lane.state == Lane.State.DISABLED
        ]
        is_sending = Q(claimed_until__gt=timezone.now())
        is_held = Q(status__in=Delivery.OPEN, endpoint_id__in=disabled) & ~is_sending
        return update_in_order(
            chosen.filter(Q(status=Delivery.Status.QUARANTINED) | is_held),
            status=Delivery.Status.DISCARDED,
            reason="discarded",
            due_at=None,
            claim_id=None,
            claimed_until=None,
        )


def update_in_order(deliveries: QuerySet[Delivery], **values: object) -> int:
    """Locked in the order in which the recorder writes: neither waits for the other for ever."""
    list(deliveries.select_for_update().order_by("id").values_list("id"))
    return deliveries.update(updated_at=timezone.now(), **values)
