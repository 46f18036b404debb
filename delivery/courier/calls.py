"""One call from beginning to end: bytes, body, POST. Every way it can end is an Outcome."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from weakref import WeakValueDictionary

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from delivery.bodies.body import Body, build
from delivery.bodies.content import read_mail
from delivery.bodies.kept import NOT_ARCHIVED, InThread, Keeper, NotArchived
from delivery.courier.claims import MARGIN
from delivery.courier.outage import RETRY_DATABASE, Outage
from delivery.courier.rehearsal import Deadly, NoTurn, Rehearsal
from delivery.courier.send_budget import SendBudget
from delivery.courier.suspicion import LONGEST_REHEARSAL, MOST_LOST, PROCESS_ENDED
from delivery.jobs import Job
from delivery.lanes.answers import Kind
from delivery.outcome import Outcome, without_call
from delivery.transports import webhook
from fastsmtp.http.door import Door

log = logging.getLogger(__name__)

QUICK = 16 * 1024  # bytes of a message whose body is made on the event loop
# Of such a message: parts, tags and addresses take a hundred times as long as plain text.
QUICK_MARKS = {b"\n--": 32, b"<": 500, b",": 500}
SLOW_WORDS = (b"calendar", b"/ics", b".ics", b"ms-tnef", b"winmail")
LARGE_CALLS = 2  # calls with a large message at once to one endpoint
LARGE_BODIES = 224 * 1024 * 1024  # bytes of large bodies that are built or sent at once
MEDIUM = 1024 * 1024  # bytes of a message whose body need not wait for larger ones
MEDIUM_BODIES = 32 * 1024 * 1024  # bytes of theirs at once
REHEARSAL_PATIENCE = 10.0  # seconds that a suspect waits for its turn
LARGE_BUILDS = 2  # large payloads that are computed at once in this process


class Caller:
    """`load` gets the bytes of a message that was too large to come with its claim. `keeper` is for
    installations with a bucket."""

    def __init__(
        self,
        door: Door,
        *,
        timeout: timedelta,
        load: Callable[[Job], Awaitable[bytes | None]],
        rehearsal: Rehearsal,
        keeper: Keeper | None = None,
    ) -> None:
        self._door = door
        self._keeper = keeper
        self._timeout = timeout
        self._load = load
        self._rehearsal = rehearsal
        self._outage = Outage()
        self._large_bodies = SendBudget(LARGE_BODIES)
        self._medium_bodies = SendBudget(MEDIUM_BODIES)
        self._builds = asyncio.Semaphore(LARGE_BUILDS)
        # An endpoint that hangs holds up its own large messages and nobody else's.
        self._large_calls: WeakValueDictionary[uuid.UUID, asyncio.Semaphore] = WeakValueDictionary()

    async def call(self, job: Job) -> Outcome | None:
        """None when the call was not made and says nothing: too little of the claim was left, or
        the database is away."""
        try:
            if job.recipient_url is None:
                return without_call(job, Kind.ORPHANED, "its recipient was deleted")
            if job.lost_claims >= MOST_LOST:
                return without_call(job, Kind.DEADLY, PROCESS_ENDED)
            if job.raw is not None:
                compute = _at_once if _is_quick(job.raw) else _in_thread
                return await self._send(job, await self._make_body(job, job.raw, compute))
            return await self._call_large(job)
        except NoTurn:
            return None
        except Deadly:
            return without_call(job, Kind.DEADLY, PROCESS_ENDED)
        except NotArchived:
            return without_call(job, Kind.UNARCHIVED, NOT_ARCHIVED)
        except (OperationalError, InterfaceError) as error:
            self._outage.go_on(error)
            await asyncio.sleep(RETRY_DATABASE)  # or it would be claimed again at once
            return None
        except Exception as error:
            log.exception("delivery %s could not be sent", job.delivery_id)
            return without_call(job, Kind.BROKEN, f"internal error ({type(error).__name__})")

    async def _call_large(self, job: Job) -> Outcome | None:
        """Waits for its turn and for room no longer than its claim lasts: then it is given back, as
        if it had not been claimed."""
        turn = self._large_calls.setdefault(job.endpoint_id, asyncio.Semaphore(LARGE_CALLS))
        budget = self._medium_bodies if job.size <= MEDIUM else self._large_bodies
        # While a bucket takes its time, a mail and its decoded attachments are held.
        size = job.size if self._keeper is None else 2 * job.size
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._slack(job)):
                    await held.enter_async_context(turn)
                    share = held.enter_context(await budget.take(size, job.domain_name))
            except TimeoutError:
                return None
            raw = await self._load(job)
            self._outage.end()
            if raw is None:
                return without_call(job, Kind.BROKEN, "the raw message is not there")
            body = await self._make_body(job, raw, self._compute_large)
            del raw
            share.resize(len(body.content))
            return await self._send(job, body)

    async def _compute_large[**P, T](
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Waits for its turn. Who waits for the database or for a bucket holds nobody up."""
        async with self._builds:
            return await _in_thread(function, *args, **kwargs)

    def _slack(self, job: Job) -> float:
        """Seconds until it is too late to begin the call."""
        end = job.claimed_until - MARGIN / 3 - self._timeout_of(job)
        return max((end - timezone.now()).total_seconds(), 0)

    def _timeout_of(self, job: Job) -> timedelta:
        seconds = job.target.timeout_seconds
        return timedelta(seconds=seconds) if seconds else self._timeout

    async def _make_body(self, job: Job, raw: bytes, compute: InThread) -> Body:
        if job.lost_claims:
            # Not for longer: a large one holds room that others wait for.
            slack = self._slack(job) - LONGEST_REHEARSAL.total_seconds()
            patience = min(slack, REHEARSAL_PATIENCE)
            await self._rehearsal.try_out(job, raw, patience=patience)
        if self._keeper is None:
            return await compute(build, job, raw)
        mail = await compute(read_mail, raw, job.authentication_results)
        kept = await self._keeper.keep(job, raw, mail, compute)
        self._outage.end()
        return await compute(build, job, raw, mail=mail, kept=kept)

    async def _send(self, job: Job, body: Body) -> Outcome | None:
        if not self._slack(job):
            return None
        return await webhook.send(self._door, job, body, limit=self._timeout_of(job))


async def _at_once[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


async def _in_thread[**P, T](function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.to_thread(function, *args, **kwargs)


def _is_quick(raw: bytes) -> bool:
    """Calendars and Outlook's containers are read by libraries that take their time."""
    if len(raw) > QUICK or any(raw.count(mark) > most for mark, most in QUICK_MARKS.items()):
        return False
    lower = raw.lower()
    return not any(word in lower for word in SLOW_WORDS)
