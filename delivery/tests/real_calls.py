"""Calls as a receiver gets them, over HTTP, of a job that is stored nowhere."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from delivery.bodies.body import build
from delivery.jobs import Job
from delivery.tests.plain_jobs import make_job
from delivery.tests.webhook_receiver import Call, WebhookReceiver
from delivery.transports import webhook
from fastsmtp.config import config
from fastsmtp.http.door import Door


def call(
    receiver: WebhookReceiver,
    raw: bytes,
    *,
    mode: str = "json",
    target: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Call:
    """The signature is made with `plain_jobs.SECRET`, unless `target` has another."""
    job = make_job(target={"mode": mode, "url": receiver.url(), **(target or {})}, **changes)
    asyncio.run(_send(job, raw))
    return receiver.calls[-1]


async def _send(job: Job, raw: bytes) -> None:
    async with Door(config().address_policy) as door:
        outcome = await webhook.send(door, job, build(job, raw), limit=timedelta(seconds=10))
    assert outcome.status_code == 200, outcome.error
