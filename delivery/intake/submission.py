"""What ingest hands to the queue: one mail transaction, and what was found out about it."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Self

from django.utils import timezone

from delivery.intake.recipients import FoundRecipient
from delivery.models.message import CHUNK_SIZE
from fastsmtp.ids import uuid7


@dataclass(frozen=True, kw_only=True, slots=True)
class Authentication:
    """Who vouches for a mail, in the words of RFC 8601 §2.7; a domain is None where none was
    checked."""

    dkim_result: str = "none"
    dkim_domain: str | None = None
    spf_result: str = "none"
    spf_domain: str | None = None
    header: str = ""  # the value of Authentication-Results, '' if nothing was checked


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One mail transaction, ready to be stored: one message for each domain it goes to."""

    raw_id: uuid.UUID
    raw: bytes
    messages: tuple[tuple[uuid.UUID, uuid.UUID, tuple[FoundRecipient, ...]], ...]
    mail_from: str
    helo: str
    client_ip: str
    tls: tuple[str, str]  # version and cipher, empty in clear
    smtputf8: bool
    protocol: str  # RFC 3848
    received_at: datetime
    authentication: Authentication = Authentication()
    # Domains that would have refused it, with the reason; others of the transaction take it.
    refusals: Mapping[uuid.UUID, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        *,
        raw: bytes,
        mail_from: str,
        recipients: Sequence[FoundRecipient],
        helo: str,
        client_ip: str,
        tls: tuple[str, str] = ("", ""),
        smtputf8: bool = False,
        protocol: str = "SMTP",
        authentication: Authentication = Authentication(),  # noqa: B008 - frozen
        refusals: Mapping[uuid.UUID, str] | None = None,
    ) -> Self:
        by_domain: dict[uuid.UUID, list[FoundRecipient]] = {}
        for recipient in recipients:
            by_domain.setdefault(recipient.domain_id, []).append(recipient)
        return cls(
            raw_id=uuid7(),
            raw=raw,
            messages=tuple(
                (uuid7(), domain_id, tuple(found)) for domain_id, found in by_domain.items()
            ),
            mail_from=mail_from,
            helo=helo[:255],
            client_ip=client_ip,
            tls=tls,
            smtputf8=smtputf8,
            protocol=protocol,
            received_at=timezone.now(),
            authentication=authentication,
            refusals=refusals or {},
        )

    @property
    def id(self) -> uuid.UUID:
        """What the sender is told: the id of the first message."""
        return self.messages[0][0]

    @cached_property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def message_ids(self) -> list[uuid.UUID]:
        return [message_id for message_id, _, _ in self.messages]

    @property
    def size(self) -> int:
        return len(self.raw)

    @property
    def is_large(self) -> bool:
        return self.size > CHUNK_SIZE
