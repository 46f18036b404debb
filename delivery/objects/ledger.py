"""Which object has which key, and whether it is there yet."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from delivery.models import StoredObject
from delivery.models.stored_object import hash_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """A key that is wanted. `spare_key` is for when another message has it already."""

    number: int
    size: int
    sha256: str
    key: str
    spare_key: str


def reserve(
    message_id: uuid.UUID, bucket: str, wanted: Sequence[Reservation]
) -> dict[int, StoredObject]:
    """The rows by number, those that an earlier attempt or another worker made among them."""
    rows = _find(message_id)
    for item in wanted:
        if item.number not in rows:
            rows[item.number] = _insert(message_id, bucket, item)
    return rows


def mark_stored(rows: Sequence[StoredObject]) -> None:
    for row in rows:
        row.stored_at = timezone.now()
    StoredObject.objects.bulk_update(rows, ["stored_at"])


def _find(message_id: uuid.UUID) -> dict[int, StoredObject]:
    return {row.number: row for row in StoredObject.objects.filter(message_id=message_id)}


def _insert(message_id: uuid.UUID, bucket: str, item: Reservation) -> StoredObject:
    """Raises IntegrityError when the spare key is taken as well, which holds the message's id."""
    try:
        return _create(message_id, bucket, item, item.key)
    except IntegrityError:
        # Another message has the key, or another worker has just reserved it for this one.
        return _find(message_id).get(item.number) or _create(
            message_id, bucket, item, item.spare_key
        )


def _create(message_id: uuid.UUID, bucket: str, item: Reservation, key: str) -> StoredObject:
    with transaction.atomic():
        return StoredObject.objects.create(
            message_id=message_id,
            number=item.number,
            size=item.size,
            sha256=item.sha256,
            bucket=bucket,
            key=key,
            key_hash=hash_key(bucket=bucket, key=key),
        )
