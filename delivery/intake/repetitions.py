"""The same mail again, from a client that never saw its 250 (RFC 5321 §4.5.3.2.6, RFC 1047).

It gets a second 250 and no second delivery. The same are mails of one client with one envelope and
one content, Message-ID included, within a day. One without a Message-ID is never taken for a
repetition: devices send identical alerts.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.utils import timezone

from delivery.intake.submission import Submission
from delivery.models import Reception
from fastsmtp.bulk import Insert, Select, placeholders, to_database
from fastsmtp.mail.headers import HeaderSummary

WINDOW = timedelta(hours=24)
FORGOTTEN_AT_ONCE = 1000  # rows in one statement

_key = to_database(Reception._meta.pk)
_insert = Insert(Reception, "fingerprint", "message_id", "received_at")
_select = Select(
    "SELECT {} FROM receptions WHERE fingerprint IN ({fingerprints})",
    (Reception, "fingerprint"),
    (Reception, "message_id"),
    (Reception, "received_at"),
)


def remember(batch: Sequence[Submission], summaries: Sequence[HeaderSummary]) -> list[uuid.UUID]:
    """The id of each submission, or that of the earlier one which it repeats.

    Belongs into the transaction that stores the others. Raises IntegrityError when another process
    takes the same mail at the same time.
    """
    now = timezone.now()
    fingerprints = list(map(_fingerprint, batch, summaries))
    known = _find([found for found in fingerprints if found], since=now - WINDOW)
    ids, rows = [], []
    for fingerprint, submission in zip(fingerprints, batch, strict=True):
        id = submission.id
        if fingerprint is not None:
            id = known.setdefault(fingerprint, id)
            if id == submission.id:
                rows.append({"fingerprint": fingerprint, "message_id": id, "received_at": now})
        ids.append(id)
    _insert.execute(rows)
    return ids


def _fingerprint(submission: Submission, summary: HeaderSummary) -> uuid.UUID | None:
    """Equal for repetitions; None for what never is one."""
    if not summary.internet_message_id.strip("<> "):
        return None
    # By id too: a recipient that was deleted and made again has not got the mail.
    recipients = sorted(
        f"{found.address.lower()} {found.recipient_id}"
        for _, _, group in submission.messages
        for found in group
    )
    facts = (submission.sha256, submission.client_ip, submission.mail_from, *recipients)
    # No address holds a NUL (RFC 5321 §4.1.2).
    digest = sha256("\0".join(facts).encode()).digest()
    # Version 5 is made of a hash as well (RFC 9562 §5.5). MariaDB does not take any 128 bits.
    return uuid.UUID(bytes=digest[:16], version=5)


def _find(fingerprints: Sequence[uuid.UUID], *, since: datetime) -> dict[uuid.UUID, uuid.UUID]:
    if not fingerprints:
        return {}
    keys = [_key(fingerprint) for fingerprint in fingerprints]
    found = list(_select.rows(keys, fingerprints=placeholders(keys)))
    if expired := [fingerprint for fingerprint, _, at in found if at < since]:
        Reception.objects.filter(fingerprint__in=expired).delete()
    return {fingerprint: message_id for fingerprint, message_id, at in found if at >= since}


def forget_old() -> int:
    """Deletes what is older than the window, in small transactions; returns how many."""
    old = Reception.objects.filter(received_at__lt=timezone.now() - WINDOW).order_by("received_at")
    count = 0
    while fingerprints := list(old.values_list("fingerprint", flat=True)[:FORGOTTEN_AT_ONCE]):
        count += Reception.objects.filter(fingerprint__in=fingerprints).delete()[0]
    return count
