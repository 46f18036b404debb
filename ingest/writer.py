"""Group commit: one thread commits for all sessions that wait.

A commit costs one flush to disk however many rows it holds. Sessions put their message into a
queue; the thread takes all that have gathered while the commit before was running. When it is
idle it commits a single mail at once: there is no batching window.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import InterfaceError, OperationalError

from delivery.intake.queue import accept
from delivery.intake.submission import Submission
from fastsmtp import maillog
from fastsmtp.crash import crash_point
from fastsmtp.db import release_connection, unit_of_work

log = logging.getLogger(__name__)

MAX_BATCH = 200  # transactions in one commit
MAX_BATCH_BYTES = 8 * 1024 * 1024
MAX_WAITING_BYTES = 64 * 1024 * 1024


class Deferred(Exception):
    """The message is not stored; the sender must try again later."""


@dataclass(slots=True, eq=False)
class _Waiting:
    submission: Submission
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    stored: asyncio.Future[UUID] = field(init=False)

    def __post_init__(self) -> None:
        self.stored = self.loop.create_future()


class Writer:
    """`on_stored` gets the ids of the new messages, after the senders have their reply."""

    def __init__(self, *, on_stored: Callable[[Sequence[UUID]], None]) -> None:
        self._on_stored = on_stored
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._stopping = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Commits what waits, then ends the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join()

    async def submit(self, submission: Submission) -> UUID:
        """Returns once the message is committed, what to tell the sender as its id; raises
        `Deferred` when it is not.

        A client that hangs up cancels only the waiting: what is in the queue is committed.
        """
        waiting = _Waiting(submission)
        with self._condition:
            if self._stopping or self._bytes > MAX_WAITING_BYTES:
                raise Deferred
            self._queue.append(waiting)
            self._bytes += submission.size
            self._condition.notify()
        return await waiting.stored

    def _run(self) -> None:
        while batch := self._take():
            self._store(batch)
        release_connection()

    def _take(self) -> list[_Waiting]:
        with self._condition:
            while not self._queue and not self._stopping:
                self._condition.wait()
            batch: list[_Waiting] = []
            size = 0
            while self._queue and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
                batch.append(self._queue.popleft())
                size += batch[-1].submission.size
            self._bytes -= size
            return batch

    def _store(self, batch: list[_Waiting]) -> None:
        try:
            with unit_of_work():
                ids = accept([waiting.submission for waiting in batch])
        except (OperationalError, InterfaceError):
            log.exception("the database did not take %d messages", len(batch))
            _reply(batch, [None] * len(batch))
        except Exception:
            self._store_singly(batch)
        else:
            self._confirm(batch, ids)

    def _store_singly(self, batch: list[_Waiting]) -> None:
        """One bad row must not defer the others of its batch."""
        if len(batch) == 1:
            log.exception("message %s cannot be stored", batch[0].submission.id)
            _reply(batch, [None] * len(batch))
            return
        for waiting in batch:
            self._store([waiting])

    def _confirm(self, batch: list[_Waiting], ids: list[UUID]) -> None:
        """`ids` are those that the senders are told."""
        crash_point("after_commit")
        _reply(batch, ids)
        submissions = [waiting.submission for waiting in batch]
        new = [
            submission
            for submission, id in zip(submissions, ids, strict=True)
            if submission.id == id
        ]
        self._on_stored([id for submission in new for id in submission.message_ids])
        for submission, id in zip(submissions, ids, strict=True):
            if submission.id == id:
                _log_accepted(submission)
            else:
                _log_repeated(submission, id)


def _reply(batch: list[_Waiting], ids: Sequence[UUID | None]) -> None:
    """One wake-up of the event loop for the whole batch. What has no id was not stored."""
    batch[0].loop.call_soon_threadsafe(_settle, batch, ids)


def _settle(batch: list[_Waiting], ids: Sequence[UUID | None]) -> None:
    for waiting, id in zip(batch, ids, strict=True):
        if waiting.stored.done():  # the client hung up
            continue
        if id is not None:
            waiting.stored.set_result(id)
        else:
            waiting.stored.set_exception(Deferred())


def _log_accepted(submission: Submission) -> None:
    for message_id, _, recipients in submission.messages:
        maillog.accepted(
            message_id=message_id,
            mail_from=submission.mail_from,
            rcpt_to=[found.address for found in recipients],
            size=submission.size,
            client_ip=submission.client_ip,
            dkim=submission.authentication.dkim_result,
            spf=submission.authentication.spf_result,
        )


def _log_repeated(submission: Submission, earlier: UUID) -> None:
    maillog.repeated(
        message_id=earlier,
        mail_from=submission.mail_from,
        size=submission.size,
        client_ip=submission.client_ip,
    )
