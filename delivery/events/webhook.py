"""An event as a signed call of the operator's webhook."""

import time
from dataclasses import dataclass, field
from typing import Self

import orjson

from delivery.bodies.signing import sign
from delivery.events.sendings import Claimed
from delivery.transports.webhook import call_headers
from fastsmtp.config import Config
from fastsmtp.http import AddressNotAllowed, Unreachable
from fastsmtp.http.door import Door


@dataclass(frozen=True)
class EventReceiver:
    url: str
    secret: str = field(repr=False)
    timeout: float  # seconds of a whole call

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(
            url=config.events_webhook_url,
            secret=config.events_webhook_secret.get_secret_value(),
            timeout=config.webhook_timeout,
        )

    async def send(self, door: Door, claimed: Claimed) -> str:
        """Why it was not taken; empty when it was."""
        body = orjson.dumps(claimed.payload)
        try:
            answer = await door.post(
                self.url, body=body, headers=self._headers(claimed, body), timeout=self.timeout
            )
        except (AddressNotAllowed, Unreachable) as error:
            return str(error)
        return "" if 200 <= answer.status < 300 else f"the receiver answered {answer.status}"

    def _headers(self, claimed: Claimed, body: bytes) -> dict[str, str]:
        id, timestamp = str(claimed.event_id), int(time.time())
        headers = call_headers(
            webhook_id=id,
            timestamp=timestamp,
            signature=sign(secret=self.secret, webhook_id=id, timestamp=timestamp, body=body),
            attempt=claimed.attempt,
            event=claimed.payload["type"],
        )
        return {**headers, "content-type": "application/json; charset=utf-8"}
