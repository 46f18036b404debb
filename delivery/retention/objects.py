"""Attachments in the bucket. The object goes first, then its row: what the bucket does not delete
keeps its row and its message, and is tried again by the next cleanup.

The archive of raw messages is not ours to delete: it is there to be kept. Only its row goes, with
the message.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import batched

from django.db.models import Exists, OuterRef, Q, QuerySet

from delivery.models import Message, StoredObject
from delivery.objects.bucket import DELETED_AT_ONCE, Bucket, StorageError
from delivery.retention.needed import messages_needed
from delivery.retention.rows import erase_where
from delivery.retention.run import Run
from delivery.retention.walk import pages
from fastsmtp.config import Config
from fastsmtp.crash import crash_point

NO_BUCKET = "no bucket is configured"


class Attachments:
    """In the bucket. One that fails is not asked again by the same run."""

    def __init__(self, run: Run, config: Config) -> None:
        self._run = run
        self._config = config
        self._rows = StoredObject.objects.filter(number__gt=StoredObject.RAW)
        self._is_old = Q(stored_at__lt=run.cutoffs.messages)

    def delete_old(self) -> Iterator[None]:
        needed = messages_needed(self._run.cutoffs, before=self._run.cutoffs.messages)
        is_wanted = Exists(Message.objects.filter(needed, pk=OuterRef("message_id")))
        for page in pages(self._rows.filter(self._is_old), by="stored_at"):
            self._delete(self._rows.filter(~is_wanted, pk__in=page))
            yield

    def delete_left_over(self, messages: QuerySet[Message]) -> Iterator[None]:
        """Those of messages about to go that came late, or were perhaps never stored."""
        came_late = Q(stored_at=None) | ~self._is_old
        theirs = self._rows.filter(came_late, message_id__in=messages.values("pk"))
        for page in pages(theirs, by="pk"):
            self._delete(theirs.filter(pk__in=page))
            yield

    def _delete(self, rows: QuerySet[StoredObject]) -> None:
        """At once: who lets time pass after looking deletes what others store there meanwhile."""
        by_bucket: dict[str, dict[str, uuid.UUID]] = defaultdict(dict)
        for id, bucket, key in rows.values_list("pk", "bucket", "key"):
            by_bucket[bucket][key] = id
        for bucket, ids in by_bucket.items():
            for keys in batched(ids, DELETED_AT_ONCE):
                self._delete_from(bucket, {key: ids[key] for key in keys})

    def _delete_from(self, bucket: str, ids: Mapping[str, uuid.UUID]) -> None:
        if self._run.is_dry:
            self._run.count(objects=len(ids))
            return
        refused = self._ask(bucket, list(ids))
        crash_point("after_deleting_objects")
        self._run.refuse(len(refused), next(iter(refused.values()), ""))
        gone = [id for key, id in ids.items() if key not in refused]
        self._run.count(objects=erase_where(StoredObject, pk__in=gone))

    def _ask(self, bucket: str, keys: list[str]) -> Mapping[str, str]:
        """What was refused, and why."""
        report = self._run.report
        if not self._config.s3_bucket:
            report.failure = NO_BUCKET
        if not report.failure:
            try:
                return self._bucket.delete(keys, bucket=bucket)
            except StorageError as error:
                report.failure = str(error)
        return dict.fromkeys(keys, report.failure)

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self._config, connections=1)
