"""The bytes as received, and those of uploads that were given up.

Several messages may share them: they go when none needs them. First the messages let go of them,
then they are deleted bit by bit; what a crash leaves in between has no message, and goes next time.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from delivery.models import Delivery, Message, RawChunk, RawMessage, Upload
from delivery.models.message import CHUNK_SIZE
from delivery.retention.needed import messages_needed
from delivery.retention.rows import erase_where, lock, wait_for
from delivery.retention.run import Run
from delivery.retention.walk import pages
from fastsmtp.crash import crash_point

BYTES_AT_ONCE = 16 * CHUNK_SIZE  # of one transaction


def delete_old(run: Run) -> Iterator[None]:
    old = RawMessage.objects.filter(created_at__lt=run.cutoffs.raw)
    for page in pages(old, by="created_at"):
        free = _free(run).filter(pk__in=page)
        for count in [free.count()] if run.is_dry else _erase(_detach(free)):
            run.count(raw_messages=count)
            yield


def delete_abandoned_uploads(run: Run) -> Iterator[None]:
    given_up = Upload.objects.filter(started_at__lt=run.cutoffs.uploads)
    for ids in pages(given_up, by="started_at"):
        if run.is_dry:
            run.count(uploads=len(ids))
        else:
            stored = Message.objects.filter(raw_id__in=ids).values_list("raw_id", flat=True)
            for _ in _erase(set(ids).difference(stored)):
                yield
            run.count(uploads=erase_where(Upload, pk__in=ids))
        yield


def _free(run: Run) -> QuerySet[RawMessage]:
    needed = messages_needed(run.cutoffs, before=run.cutoffs.raw)
    return RawMessage.objects.filter(~Exists(Message.objects.filter(needed, raw_id=OuterRef("pk"))))


def _detach(free: QuerySet[RawMessage]) -> list[uuid.UUID]:
    """Nobody makes a delivery due again while we look: it is locked, and then finds no bytes."""
    with transaction.atomic():
        ids = lock(free)
        messages = wait_for(Message.objects.filter(raw_id__in=ids))
        wait_for(Delivery.objects.filter(message_id__in=messages))
        ids = list(free.filter(pk__in=ids).values_list("pk", flat=True))
        Message.objects.filter(raw_id__in=ids).update(raw=None)
    crash_point("after_detaching")
    return ids


def _erase(ids: Collection[uuid.UUID]) -> Iterator[int]:
    """After each of its small statements, of which there is always one, how many are gone by it;
    contents are never read."""
    sizes = dict(RawMessage.objects.filter(pk__in=ids).values_list("pk", "size"))
    chunks_at_once = BYTES_AT_ONCE // CHUNK_SIZE
    for id in [id for id, size in sizes.items() if size > CHUNK_SIZE]:
        chunks = RawChunk.objects.filter(raw_id=id)
        while found := list(chunks.values_list("pk", flat=True)[:chunks_at_once]):
            erase_where(RawChunk, pk__in=found)
            yield 0
    for portion in _portions(sizes):
        yield erase_where(RawMessage, pk__in=portion)


def _portions(sizes: Mapping[uuid.UUID, int]) -> Iterator[list[uuid.UUID]]:
    portion: list[uuid.UUID] = []
    room = BYTES_AT_ONCE
    for id, size in sizes.items():
        room -= min(size, CHUNK_SIZE)
        if room < 0 and portion:
            yield portion
            portion, room = [], BYTES_AT_ONCE - min(size, CHUNK_SIZE)
        portion.append(id)
    yield portion
