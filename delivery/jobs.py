"""A job: a claimed delivery with all that its call needs. Plain values, read in one query."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Domain
from delivery.lanes.answers import OVERSIZE_FAILURES
from delivery.models import Delivery, Endpoint, Lane, Message, RawMessage, Recipient
from delivery.models.message import SMALL
from fastsmtp.bulk import Select, placeholders, to_database
from fastsmtp.orm import UNREADABLE

EVENT = "email.received"

WEIGHT = 32 * 1024  # bytes of a message for which a job counts once more


@dataclass(slots=True)
class Target:
    """An endpoint and its lane, as they were when a claim was made."""

    endpoint_id: uuid.UUID
    state: str
    paused_until: datetime | None
    consecutive_failures: int
    last_success_at: datetime | None
    url: str
    secret: str
    previous_secret: str | None
    previous_secret_expires_at: datetime | None
    timeout_seconds: int | None
    concurrency: int
    mode: str
    max_body_bytes: int | None
    domain_name: str
    preserves_raw: bool | None  # None: the server's default

    def secrets(self, now: datetime) -> list[str]:
        """Those that sign a call made now, the newest first."""
        expires_at = self.previous_secret_expires_at
        if self.previous_secret is None or expires_at is None or expires_at <= now:
            return [self.secret]
        if self.previous_secret is UNREADABLE:  # the newest is enough for a call
            return [self.secret]
        return [self.secret, self.previous_secret]

    @property
    def is_active(self) -> bool:
        return self.state == Lane.State.ACTIVE

    def is_closed(self, now: datetime) -> bool:
        """Disabled, paused, or probed by a call that is under way."""
        if self.state == Lane.State.DISABLED:
            return True
        return self.paused_until is not None and self.paused_until > now


_select_targets = Select(
    """SELECT {} FROM lanes JOIN endpoints ON endpoints.id = lanes.endpoint_id
    JOIN domains ON domains.id = endpoints.domain_id WHERE lanes.endpoint_id IN ({ids})""",
    (Lane, "endpoint_id"),
    (Lane, "state"),
    (Lane, "paused_until"),
    (Lane, "consecutive_failures"),
    (Lane, "last_success_at"),
    (Endpoint, "url"),
    (Endpoint, "secret"),
    (Endpoint, "previous_secret"),
    (Endpoint, "previous_secret_expires_at"),
    (Endpoint, "timeout_seconds"),
    (Endpoint, "concurrency"),
    (Endpoint, "mode"),
    (Endpoint, "max_body_bytes"),
    (Domain, "domain_name"),
    (Domain, "preserve_raw_message"),
)


@dataclass(slots=True, eq=False)
class Job:
    target: Target
    claim_id: uuid.UUID
    claimed_until: datetime
    # The columns of `_select_jobs`, in its order.
    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    recipient_address: str
    status: str
    tags: list[str]
    tries: int  # this one included
    attempts: int  # this one included
    preserve_raw: bool  # a rule asks for it
    oversize_failures: int
    replays: int
    lost_claims: int
    created_at: datetime
    message_id: uuid.UUID
    raw_id: uuid.UUID | None
    mail_from: str
    rcpt_to: list[list[str]]
    helo: str
    client_ip: str
    protocol: str
    tls_version: str
    tls_cipher: str
    smtputf8: bool
    size: int
    received_at: datetime
    dkim_result: str
    dkim_domain: str | None
    spf_result: str
    spf_domain: str | None
    authentication_results: str
    raw: bytes | None  # None for a large message: `load_raw` gets it
    recipient_url: str | None  # None when the recipient was deleted
    recipient_headers: dict[str, str] | None
    event: str = EVENT

    @property
    def domain_name(self) -> str:
        return self.target.domain_name

    @property
    def wants_links(self) -> bool:
        """Its receiver could not take the contents."""
        return self.oversize_failures >= OVERSIZE_FAILURES

    @property
    def weight(self) -> int:
        """How much room it takes in memory. A large message takes its share when it is loaded."""
        return 1 if self.raw is None else 1 + len(self.raw) // WEIGHT

    @property
    def is_probe(self) -> bool:
        return not self.target.is_active


_select_jobs = Select(
    f"""SELECT {{}} FROM deliveries JOIN messages ON messages.id = deliveries.message_id
    LEFT JOIN raw_messages ON raw_messages.id = messages.raw_id AND messages.size <= {SMALL}
    LEFT JOIN recipients ON recipients.id = deliveries.recipient_id
    WHERE deliveries.id IN ({{ids}})""",
    (Delivery, "id"),
    (Delivery, "endpoint_id"),
    (Delivery, "recipient_address"),
    (Delivery, "status"),
    (Delivery, "tags"),
    (Delivery, "tries"),
    (Delivery, "attempts"),
    (Delivery, "preserve_raw"),
    (Delivery, "oversize_failures"),
    (Delivery, "replays"),
    (Delivery, "lost_claims"),
    (Delivery, "created_at"),
    (Message, "id"),
    (Message, "raw_id"),
    (Message, "mail_from"),
    (Message, "rcpt_to"),
    (Message, "helo"),
    (Message, "client_ip"),
    (Message, "protocol"),
    (Message, "tls_version"),
    (Message, "tls_cipher"),
    (Message, "smtputf8"),
    (Message, "size"),
    (Message, "received_at"),
    (Message, "dkim_result"),
    (Message, "dkim_domain"),
    (Message, "spf_result"),
    (Message, "spf_domain"),
    (Message, "authentication_results"),
    (RawMessage, "content"),
    (Recipient, "webhook_url"),
    (Recipient, "webhook_headers"),
)

_id = to_database(Delivery._meta.pk)


def targets(endpoint_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Target]:
    """Those of the endpoints that exist."""
    rows = _select_targets.rows(
        [_id(endpoint_id) for endpoint_id in endpoint_ids], ids=placeholders(endpoint_ids)
    )
    return {row[0]: Target(*row) for row in rows}


def load(
    delivery_ids: Sequence[uuid.UUID],
    targets: Mapping[uuid.UUID, Target],
    claim_id: uuid.UUID,
    ends: Mapping[uuid.UUID, datetime],
) -> list[Job]:
    """The jobs of a claim that has just been written, whose end is given by delivery."""
    if not delivery_ids:
        return []
    ids = [_id(delivery_id) for delivery_id in delivery_ids]
    return [
        Job(targets[row[1]], claim_id, ends[row[0]], *row)
        for row in _select_jobs.rows(ids, ids=placeholders(ids))
    ]


def load_raw(message_id: uuid.UUID) -> bytes | None:
    """The bytes of a message; None when they have been deleted."""
    raw = RawMessage.objects.filter(messages__id=message_id).first()
    return raw.read() if raw is not None else None
