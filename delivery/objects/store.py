"""Puts what belongs to a message into the bucket before its call is made.

A bucket that is slow, down, full or refuses costs a mail a few seconds once in a while, and never
the delivery: what is not there in time goes inline. After a failure nobody asks for half a minute.
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
PATIENCE = 10.0  # seconds for all objects of a mail
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
        self._paused_until = 0.0

    def close(self) -> None:
        """Does not wait for uploads that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def keep(self, job: Job, contents: Iterable[Content]) -> dict[int, StoredObject]:
        """Those of the contents that are in the bucket now, by number."""
        by_number = {content.number: content for content in contents}
        wanted = await asyncio.to_thread(lambda: [item.reserve() for item in by_number.values()])
        rows = await self._in_thread(ledger.reserve, job.message_id, self.bucket.name, wanted)
        missing = [rows[number] for number in by_number if rows[number].stored_at is None]
        if missing and not self._is_paused:
            stored = await self._upload({row: by_number[row.number] for row in missing})
            await self._in_thread(ledger.mark_stored, stored)
        return {number: rows[number] for number in by_number if rows[number].stored_at is not None}

    @property
    def _is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    async def _upload(self, contents: dict[StoredObject, Content]) -> list[StoredObject]:
        """Those that are in the bucket in time."""
        loop = asyncio.get_running_loop()
        uploads = {
            loop.run_in_executor(self._threads, self._put, row, content): row
            for row, content in contents.items()
        }
        done, late = await asyncio.wait(uploads, timeout=PATIENCE)
        for upload in late:
            upload.cancel()  # what has begun goes on, to the same key
        errors = [error for upload in done if (error := upload.exception())]
        for error in errors:
            if not isinstance(error, StorageError):
                raise error
        if late or errors:
            self._pause(str(errors[0]) if errors else f"no answer within {PATIENCE:g} s")
        return [uploads[upload] for upload in done if upload.exception() is None]

    def _put(self, row: StoredObject, content: Content) -> None:
        self.bucket.put(row.key, content.read(), content_type=content.content_type)

    def _pause(self, reason: str) -> None:
        if not self._is_paused:
            log.warning("the bucket fails, attachments go inline for %g s: %s", PAUSE, reason)
        self._paused_until = time.monotonic() + PAUSE
