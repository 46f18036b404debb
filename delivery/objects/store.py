"""Puts what belongs to a message into the bucket before its call is made.

A bucket that is slow, down, full or refuses costs a mail a few seconds once in a while, and never
the delivery: what is not there in time goes inline. After a failure nobody asks for half a minute,
and then one mail asks for all. A large mail that takes its time is no failure.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from delivery.bodies.kept import InThread
from delivery.models import StoredObject
from delivery.objects import ledger
from delivery.objects.bucket import Bucket, KeyTaken, StorageError
from delivery.objects.contents import Content

log = logging.getLogger(__name__)

UPLOADS = 8  # at once in this process, for calls
PATIENCE = 5.0  # seconds that a mail waits for its objects, and longer if they are large
LONGEST_PATIENCE = 8.0  # of the 10 s that a claim leaves until its call must begin
SLOWEST = 1_000_000  # bytes a second of an uplink that is not to be blamed on the bucket
LARGE = 1_000_000  # bytes of a mail that may take so long because of its size
PAUSE = 30.0  # seconds in which nobody asks a bucket that has failed
LATE_BYTES = 64 * 1024 * 1024  # that come late at most, until no other mail asks the bucket
LEAST_BYTES = 64 * 1024  # that an upload counts for, however small: it holds a task and its mail


class Store:
    """`in_thread`: where there is a connection to the database."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        in_thread: InThread,
        uploads: int = UPLOADS,
        patience: float | None = None,
    ) -> None:
        self.bucket = bucket
        self._in_thread = in_thread
        self._patience = PATIENCE if patience is None else patience
        self._threads = ThreadPoolExecutor(uploads, thread_name_prefix="upload")
        self._has_failed = False
        self._paused_until = 0.0
        # Uploads that no mail waits for any longer, and how many bytes they hold. Their mail has
        # gone, and its share of the memory for calls with it.
        self._late: dict[asyncio.Task[StoredObject], int] = {}
        self._large: set[asyncio.Task[StoredObject]] = set()  # under way, late or not

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def close(self) -> None:
        """Does not wait for uploads that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def keep(
        self, message_id: uuid.UUID, contents: Iterable[Content], compute: InThread
    ) -> dict[int, StoredObject]:
        """Those of the contents that are in the bucket now, by number."""
        by_number = {content.number: content for content in contents}
        wanted = await compute(lambda: [item.reserve() for item in by_number.values()])
        rows = await self._in_thread(ledger.reserve, message_id, self.bucket.name, wanted)
        missing = [row for row in rows.values() if row.stored_at is None]
        if missing and self._may_ask():
            await self._upload({row: by_number[row.number] for row in missing})
        return {number: row for number, row in rows.items() if row.stored_at is not None}

    def _may_ask(self) -> bool:
        """After a pause one mail tries the bucket; the others wait for what it learns. Where much
        comes late, nobody adds to it."""
        if self.is_paused or sum(self._late.values()) >= LATE_BYTES:
            return False
        if self._has_failed:
            self._paused_until = time.monotonic() + self._patience
        return True

    async def _upload(self, contents: dict[StoredObject, Content]) -> None:
        """Waits so long. What comes later is noted too, for the next attempt."""
        uploads = {
            asyncio.create_task(self._put(row, content)): row.size
            for row, content in contents.items()
        }
        size = sum(uploads.values())
        if size > LARGE:
            self._large |= uploads.keys()
            for upload in uploads:
                upload.add_done_callback(self._large.discard)
        patience = self._patience_for(size)
        done, late = await asyncio.wait(uploads, timeout=patience)
        for upload in late:
            self._late[upload] = max(uploads[upload], LEAST_BYTES)
            upload.add_done_callback(partial(self._note_late, is_large=size > LARGE))
        errors = [error for upload in done if (error := upload.exception())]
        for error in errors:
            if not isinstance(error, StorageError):
                raise error
        if len(errors) < len(done):  # it took something in time
            self._has_failed, self._paused_until = False, 0.0
        elif errors:
            self._pause(str(errors[0]))
        elif not self._large:  # while one is under way, all may wait for the uplink alone
            self._pause(f"no answer within {patience:g} s")

    def _patience_for(self, size: int) -> float:
        """Seconds."""
        longest = max(self._patience, LONGEST_PATIENCE)
        return min(self._patience + size / SLOWEST, longest)

    async def _put(self, row: StoredObject, content: Content) -> StoredObject:
        def put() -> None:
            # Only this message ever has the spare key.
            write = self.bucket.put if row.key == content.spare_key else self.bucket.put_new
            write(
                row.key,
                content.read(),
                content_type=content.content_type,
                owner=str(row.message_id),
            )

        run = asyncio.get_running_loop().run_in_executor
        try:
            await run(self._threads, put)
        except KeyTaken:
            # An object outlives the message that it belonged to, and the row that reserved its key.
            await self._in_thread(ledger.move, row, content.spare_key)
            await run(self._threads, put)
        await self._in_thread(ledger.mark_stored, row)
        return row

    def _note_late(self, upload: asyncio.Task[StoredObject], *, is_large: bool) -> None:
        del self._late[upload]
        if not upload.cancelled() and (error := upload.exception()):
            log.info("an object that came late was not stored: %s", error)
            if is_large and isinstance(error, StorageError):
                self._pause(str(error))  # its bytes did not move: until now nobody could tell

    def _pause(self, reason: str) -> None:
        if not self._has_failed:
            log.warning("the bucket fails, mail goes on without it for now: %s", reason)
        self._has_failed = True
        self._paused_until = time.monotonic() + PAUSE
