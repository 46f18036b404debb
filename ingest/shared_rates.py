"""Tells the other ingest processes, by way of Redis, how much each client did here, and learns
what it did there.

It runs beside the sessions, twice a second: a client can do somewhat more than its rate by going
to several processes, but no reply ever waits for Redis. While Redis is away, or hangs, each process
goes on with what it knows.

A client has a hash for each window, with a field for each process that admitted it. What is written
are counts, not increments: written again after an answer that got lost, they change nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence

import redis

from ingest.chores import repeat
from ingest.rates import WINDOW, Rate, Report

log = logging.getLogger(__name__)

INTERVAL = 0.5  # seconds between two exchanges
TIMEOUT = 1.0  # seconds for connecting and for every answer
MAX_REPORTS = 500  # of one rate in one exchange; the other clients' turn is in the next
LIFETIME = int(2 * WINDOW)  # seconds until Redis forgets a window that nobody writes to


class SharedRates:
    """`rates` by the name that all processes use for them."""

    def __init__(self, url: str, rates: Mapping[str, Rate]) -> None:
        self._rates = rates
        self._redis = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
        )
        self._process = secrets.token_hex(8)
        self._is_broken = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set, and then once more."""
        await repeat(self.exchange, name="sharing rates", interval=INTERVAL, stopping=stopping)
        self._redis.close()

    async def exchange(self) -> None:
        for name, rate in self._rates.items():
            await self._share(name, rate)

    async def _share(self, name: str, rate: Rate) -> None:
        reports = rate.reports(MAX_REPORTS)
        if not reports:
            return
        try:
            totals = await asyncio.to_thread(self._publish, name, reports)
        except (redis.RedisError, OSError) as error:
            if not self._is_broken:
                log.warning("Redis is away, rates are those of each process alone: %s", error)
            self._is_broken = True
            return
        if self._is_broken:
            log.warning("Redis is back, rates are those of all processes")
        self._is_broken = False
        for report, (total, total_before) in zip(reports, totals, strict=True):
            rate.learn(
                report,
                others=total - report.own,
                others_before=total_before - report.own_before,
            )

    def _publish(self, name: str, reports: Sequence[Report]) -> list[tuple[int, int]]:
        """How often all processes together admitted each client, in its window and in the one
        before; raises RedisError or OSError."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for report in reports:
                for window, own in (
                    (report.window, report.own),
                    (report.window - 1, report.own_before),
                ):
                    key = f"fastsmtp:rate:{name}:{window}:{report.client}"
                    if own:
                        pipeline.hset(key, self._process, str(own))
                        pipeline.expire(key, LIFETIME)
                    pipeline.hvals(key)
            answers = pipeline.execute()
        # Of the three commands only the last is answered with a list.
        totals = [sum(map(int, answer)) for answer in answers if isinstance(answer, list)]
        return list(zip(totals[::2], totals[1::2], strict=True))
