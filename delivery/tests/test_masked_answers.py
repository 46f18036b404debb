"""What a receiver repeats of the headers that it got is not shown."""

import asyncio
from datetime import timedelta

import pytest

from delivery.bodies.body import build
from delivery.outcome import Outcome
from delivery.tests.plain_jobs import make_job
from delivery.tests.records import RAW
from delivery.tests.webhook_receiver import Reply, WebhookReceiver
from delivery.transports import webhook
from fastsmtp.config import config
from fastsmtp.http.door import KEPT_LIMIT, Door
from fastsmtp.masking import MASK

HEADERS = {"authorization": "Bearer s3cret-t0ken"}


async def _send(url: str) -> Outcome:
    job = make_job(target={"url": url}, recipient_url=url, recipient_headers=HEADERS)
    async with Door(config().address_policy) as door:
        return await webhook.send(door, job, build(job, RAW), limit=timedelta(seconds=10))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("token: s3cret-t0ken", f"token: {MASK}"),
        # Of the secret only this much is kept.
        ("x" * (KEPT_LIMIT - 6) + "s3cret-t0ken", "x" * (KEPT_LIMIT - 6) + MASK),
    ],
)
def test_a_secret_is_masked(receiver: WebhookReceiver, said: str, shown: str) -> None:
    head = f"HTTP/1.1 500 Oops\r\nContent-Length: {len(said)}\r\n\r\n"
    receiver.answer("/", Reply(raw=(head + said).encode()))
    assert asyncio.run(_send(receiver.url())).response_excerpt == shown
