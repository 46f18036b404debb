"""Puts what belongs to a message into the bucket before its call is made.

A bucket that is slow, down, full or refuses costs a mail a few seconds once in a while, and never
the delivery: what is not there in time goes inline. After a failure nobody asks for half a minute,
and then one mail asks for all.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from delivery.jobs import Job
from delivery.models import StoredObject
from delivery.objects import ledger
from delivery.objects.bucket import Bucket, StorageError
from delivery.objects.contents import Content

log = logging.getLogger(__name__)

UPLOADS = 8  # at once in this process
PATIENCE = 5.0  # seconds that a mail waits for its objects
PAUSE = 30.0  # seconds in which nobody asks a bucket that has failed


class InThread(Protocol):
    """Runs a function that uses the database where it has a connection."""

    async def __call__[**P, T](
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


class Store:
    def __init__(self, bucket: Bucket, *, in_thread: InThread) -> None:
        self.bucket = bucket
        self._in_thread = in_thread
        self._threads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")
        self._has_failed = False
        self._paused_until = 0.0
        self._late: set[asyncio.Task[StoredObject]] = set()

    def close(self) -> None:
        """Does not wait for uploads that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def keep(self, job: Job, contents: Iterable[Content]) -> dict[int, StoredObject]:
        """Those of the contents that are in the bucket now, by number."""
        by_number = {content.number: content for content in contents}
        wanted = await asyncio.to_thread(lambda: [item.reserve() for item in by_number.values()])
        rows = await self._in_thread(ledger.reserve, job.message_id, self.bucket.name, wanted)
        missing = [row for row in rows.values() if row.stored_at is None]
        if missing and self._may_ask():
            await self._upload({row: by_number[row.number] for row in missing})
        return {number: row for number, row in rows.items() if row.stored_at is not None}

    def _may_ask(self) -> bool:
        """After a pause one mail tries the bucket; the others wait for what it learns."""
        if time.monotonic() < self._paused_until:
            return False
        if self._has_failed:
            self._paused_until = time.monotonic() + PATIENCE
        return True

    async def _upload(self, contents: dict[StoredObject, Content]) -> None:
        """Waits so long. What comes later is noted too, for the next attempt."""
        uploads = {asyncio.create_task(self._put(*item)) for item in contents.items()}
        done, late = await asyncio.wait(uploads, timeout=PATIENCE)
        self._late |= late
        for upload in late:
            upload.add_done_callback(self._note_late)
        errors = [error for upload in done if (error := upload.exception())]
        for error in errors:
            if not isinstance(error, StorageError):
                raise error
        if len(errors) < len(done):
            self._has_failed, self._paused_until = False, 0.0
        else:  # a bucket that took something in time is only slow, or the mail large
            self._pause(str(errors[0]) if errors else f"no answer within {PATIENCE:g} s")

    async def _put(self, row: StoredObject, content: Content) -> StoredObject:
        def put() -> None:
            self.bucket.put(row.key, content.read(), content_type=content.content_type)

        await asyncio.get_running_loop().run_in_executor(self._threads, put)
        await self._in_thread(ledger.mark_stored, row)
        return row

    def _note_late(self, upload: asyncio.Task[StoredObject]) -> None:
        self._late.discard(upload)
        if not upload.cancelled() and (error := upload.exception()):
            log.info("an object that came late was not stored: %s", error)

    def _pause(self, reason: str) -> None:
        if not self._has_failed:
            log.warning("the bucket fails, attachments go inline for now: %s", reason)
        self._has_failed = True
        self._paused_until = time.monotonic() + PAUSE
