"""The queue: the only writer of messages.

`accept` is the border of the product. What it has committed got, or may get, a 250 and is never
lost; whatever it raises has stored nothing.
"""

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db import transaction

from delivery.intake import repetitions
from delivery.intake.submission import Submission
from delivery.models import Message, RawChunk, RawMessage, Upload
from delivery.models.message import CHUNK_SIZE
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
        _end_uploads([mail.raw_id for mail, _ in new if mail.is_large])
        crash_point("before_commit")
    return told


def store_large(submission: Submission) -> None:
    """Writes the bytes of a large message, chunk by chunk, outside the group commit.

    What is cut off here, or gets no message, is an `Upload` that the retention removes.
    """
    Upload(raw_id=submission.raw_id).save(force_insert=True)
    raw = RawMessage(**_raw_row(submission))
    raw.save(force_insert=True)
    for number, start in enumerate(range(CHUNK_SIZE, submission.size, CHUNK_SIZE), 1):
        content = submission.raw[start : start + CHUNK_SIZE]
        RawChunk(raw=raw, number=number, content=content).save(force_insert=True)


def _end_uploads(raw_ids: Sequence[uuid.UUID]) -> None:
    if raw_ids:
        Upload.objects.filter(raw_id__in=raw_ids).delete()


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
