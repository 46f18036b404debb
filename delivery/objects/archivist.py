"""Archives messages that no call has archived: see `delivery.objects.archives`.

It has threads and a view of the bucket's health of its own. However much is owed, attachments of
mail that is delivered just now find their threads free, and trouble with the archive's part of the
bucket keeps nobody from the other.
"""

import asyncio
import logging

from django.db import InterfaceError, OperationalError

from delivery import jobs
from delivery.bodies.kept import InThread
from delivery.bodies.trace import as_delivered
from delivery.models.message import SMALL
from delivery.objects import archives
from delivery.objects.archives import Owed
from delivery.objects.contents import Content, raw_content
from delivery.objects.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 4  # small messages; a large one goes alone
PATIENCE = 60.0  # seconds for one upload
INTERVAL = 5.0  # seconds between looks while nothing is owed


class Archivist:
    """`in_thread`: where there is a connection to the database."""

    def __init__(self, store: Store, *, prefix: str, in_thread: InThread) -> None:
        self._store = store
        self._prefix = prefix
        self._in_thread = in_thread

    def close(self) -> None:
        self._store.close()

    async def step(self) -> None:
        """Archives a few, or waits a while. Raises OperationalError and InterfaceError."""
        owed = [] if self._store.is_paused else await self._in_thread(archives.claim, AT_ONCE)
        if not owed:
            await asyncio.sleep(INTERVAL)
        await asyncio.gather(*(self._archive(mail) for mail in owed if mail.size <= SMALL))
        for mail in owed:
            if mail.size > SMALL:
                await self._archive(mail)

    async def _archive(self, mail: Owed) -> None:
        try:
            content = await self._in_thread(self._read, mail)
            if content is None:
                log.error("message %s cannot be archived: its bytes are gone", mail.message_id)
            elif not await self._store.keep(mail.message_id, [content], self._in_thread):
                return
            await self._in_thread(archives.settle, mail.message_id)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one that cannot be archived must not keep the others from it
            log.exception("message %s could not be archived", mail.message_id)

    def _read(self, mail: Owed) -> Content | None:
        raw = jobs.load_raw(mail.message_id)
        return None if raw is None else raw_content(mail, as_delivered(mail, raw), self._prefix)
