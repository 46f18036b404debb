"""Which object has which key, and whether it is there yet."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from delivery.models import StoredObject
from delivery.models.stored_object import hash_key
from delivery.objects import archives


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
    """A row for each of them by number; those that an earlier attempt or another worker made, if
    they hold the same bytes in the same bucket."""
    known = _find(message_id, bucket)
    missing = [item for item in wanted if not _is_same(known.get(item.number), item)]
    try:
        known |= _write(message_id, bucket, missing, {item.number: item.key for item in missing})
    except IntegrityError:
        # Another message has one of the keys, or another worker has just reserved for this one.
        spare_keys = {item.number: item.spare_key for item in missing}
        known = _find(message_id, bucket)
        missing = [item for item in wanted if not _is_same(known.get(item.number), item)]
        known |= _write(message_id, bucket, missing, spare_keys)
    return {item.number: known[item.number] for item in wanted}


def move(row: StoredObject, key: str) -> None:
    """To a key that nobody else has."""
    row.key, row.key_hash = key, hash_key(bucket=row.bucket, key=key)
    StoredObject.objects.filter(id=row.id).update(key=row.key, key_hash=row.key_hash)


def mark_stored(row: StoredObject) -> None:
    """Whoever has replaced the row since then stores an object of its own."""
    row.stored_at = timezone.now()
    with transaction.atomic():
        is_ours = StoredObject.objects.filter(id=row.id).update(stored_at=row.stored_at)
        if is_ours and row.number == StoredObject.RAW:
            archives.settle(row.message_id)


def _find(message_id: uuid.UUID, bucket: str) -> dict[int, StoredObject]:
    rows = StoredObject.objects.filter(message_id=message_id, bucket=bucket)
    return {row.number: row for row in rows}


def _is_same(row: StoredObject | None, item: Reservation) -> bool:
    return row is not None and (row.size, row.sha256) == (item.size, item.sha256)


def _write(
    message_id: uuid.UUID, bucket: str, items: Sequence[Reservation], keys: Mapping[int, str]
) -> dict[int, StoredObject]:
    """Replaces rows of other content; those of another bucket stay, for who deletes there. Raises
    IntegrityError for a key that is taken, having written nothing."""
    rows = [
        StoredObject(
            message_id=message_id,
            number=item.number,
            size=item.size,
            sha256=item.sha256,
            bucket=bucket,
            key=keys[item.number],
            key_hash=hash_key(bucket=bucket, key=keys[item.number]),
        )
        for item in items
    ]
    with transaction.atomic():
        replaced = StoredObject.objects.filter(message_id=message_id, bucket=bucket)
        replaced.filter(number__in=[row.number for row in rows]).delete()
        StoredObject.objects.bulk_create(rows)
    return {row.number: row for row in rows}
