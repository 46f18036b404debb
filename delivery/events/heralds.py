"""Who tells people what they have to know, as steps on the courier's loop.

One makes events, and each way of telling has one of its own: a receiver that is dead holds up
neither the mails nor, since nobody waits here for a slot, any delivery. The database is asked
first whether there is anything at all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from django.utils import timezone

from delivery.courier.database_threads import DatabaseThreads, Watcher
from delivery.events import sendings
from delivery.events.gathering import gather
from delivery.events.incidents import Pace
from delivery.events.mail import EventMailer
from delivery.events.sendings import Claimed
from delivery.events.telling import Audience, tell_due
from delivery.events.webhook import EventReceiver
from delivery.models import EventSending
from fastsmtp.config import Config
from fastsmtp.http.door import Door

log = logging.getLogger(__name__)

POLL_INTERVAL = 2.0  # seconds
CALLS_AT_ONCE = 10
MARGIN = timedelta(seconds=15)  # of a claim, beyond what sending may take
MAIL_LEASE = timedelta(minutes=5)  # a session of SMTP may take that long

Channel = EventSending.Channel


def heralds_of(config: Config, door: Door, database: DatabaseThreads) -> list[Watcher]:
    """Events are always made, for the log and the admin; told to whom the configuration names."""
    heralds: list[Watcher] = [Maker(config, database)]
    if config.events_webhook_url:
        receiver = EventReceiver.from_config(config)
        heralds.append(
            Teller(
                Channel.WEBHOOK,
                database,
                send=partial(receiver.send, door),
                lease=timedelta(seconds=config.webhook_timeout) + MARGIN,
                at_once=CALLS_AT_ONCE,
            )
        )
    if (relay := config.mail_relay) is not None:
        mailer = EventMailer.from_config(config, relay)
        # One after another, each with a claim of its own.
        heralds.append(
            Teller(
                Channel.MAIL,
                database,
                send=_in_own_thread(mailer.send),
                lease=MAIL_LEASE,
                at_once=1,
            )
        )
    return heralds


class Maker:
    """From notes to events."""

    def __init__(self, config: Config, database: DatabaseThreads) -> None:
        self._pace = Pace.from_config(config)
        self._audience = Audience.from_config(config)
        self._public_address = config.public_address
        self._database = database

    async def step(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)
        await self._database.run("tell", gather, self._pace)
        await self._database.run(
            "tell",
            tell_due,
            self._audience,
            now=timezone.now(),
            public_address=self._public_address,
        )


class Teller:
    """Events by one way of telling them. `send` returns why it was not taken, or nothing."""

    def __init__(
        self,
        channel: Channel,
        database: DatabaseThreads,
        *,
        send: Callable[[Claimed], Awaitable[str]],
        lease: timedelta,
        at_once: int,
    ) -> None:
        self._channel = channel
        self._database = database
        self._send = send
        self._lease = lease
        self._at_once = at_once

    async def step(self) -> None:
        await asyncio.sleep(POLL_INTERVAL)
        while claimed := await self._claim():
            await asyncio.gather(*map(self._tell, claimed))

    async def _claim(self) -> list[Claimed]:
        return await self._database.run(
            "tell", sendings.claim, self._channel, limit=self._at_once, lease=self._lease
        )

    async def _tell(self, claimed: Claimed) -> None:
        try:
            error = await self._send(claimed)
        except Exception as unexpected:
            log.exception("event %s could not be sent", claimed.event_id)
            error = f"internal error ({type(unexpected).__name__})"
        await self._database.run("tell", sendings.record, claimed, self._channel, error)


def _in_own_thread(send: Callable[[Claimed], str]) -> Callable[[Claimed], Awaitable[str]]:
    """A relay that hangs holds up this thread and nothing else."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="mail")

    async def run(claimed: Claimed) -> str:
        return await asyncio.get_running_loop().run_in_executor(thread, send, claimed)

    return run
