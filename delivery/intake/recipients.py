"""Which recipient gets the mail for an address: exact, then without the tag, then the catch-all.

Answers are cached for the process. The cache follows the directory's version, asked for at most
once a second, so a busy domain costs no query per RCPT and a change shows within two seconds.
"""

import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, fields
from enum import Enum

from accounts.models import DirectoryVersion, Domain
from delivery.models import Recipient
from delivery.models.recipient import CATCH_ALL
from fastsmtp.mail.address import Mailbox, split_tag

VERSION_INTERVAL = 1.0  # seconds between looks at the directory's version
CACHE_SIZE = 100_000  # addresses; unknown ones are remembered too


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a domain wants of verification; None follows the server's default."""

    verify_dkim: bool | None = None
    verify_spf: bool | None = None
    reject_dkim_fail: bool | None = None
    reject_spf_fail: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRecipient:
    """Who is behind an address. `address` is spelt as the sender spelt it."""

    address: str
    recipient_id: uuid.UUID
    domain_id: uuid.UUID
    policy: Policy = Policy()


class Unknown(Enum):
    DOMAIN = "unknown domain"
    LOCAL_PART = "unknown local part"


_POLICIES = tuple(field.name for field in fields(Policy))

type Answer = FoundRecipient | Unknown


def find(mailbox: Mailbox) -> Answer:
    """Asks the database. Disabled domains and recipients do not exist."""
    domain = (
        Domain.objects.filter(domain_name=mailbox.domain, is_enabled=True)
        .values_list("id", *_POLICIES)
        .first()
    )
    if domain is None:
        return Unknown.DOMAIN
    domain_id, *policies = domain
    local_part = mailbox.local_part.lower()
    candidates = (local_part, split_tag(local_part)[0], CATCH_ALL)
    ids = dict(
        Recipient.objects.filter(
            domain_id=domain_id, is_enabled=True, local_part__in=candidates
        ).values_list("local_part", "id")
    )
    for candidate in candidates:
        if candidate in ids:
            return FoundRecipient(
                address=mailbox.address,
                recipient_id=ids[candidate],
                domain_id=domain_id,
                policy=Policy(**dict(zip(_POLICIES, policies, strict=True))),
            )
    return Unknown.LOCAL_PART


class RecipientCache:
    """`peek` never touches the database; `look_up` may, and belongs in a thread."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._version: int | None = None
        self._fresh_until = 0.0
        self._lock = threading.Lock()

    def peek(self, mailbox: Mailbox) -> Answer | None:
        if time.monotonic() >= self._fresh_until:
            return None
        return self._answers.get(mailbox.address)

    def look_up(self, mailbox: Mailbox) -> Answer:
        with self._lock:
            self._follow_version()
            answers = self._answers
            answer = answers.get(mailbox.address)
        if answer is None:
            answer = find(mailbox)
            # `answers` was current when we asked: if the version moved on meanwhile, this is
            # written into the dictionary that was thrown away.
            answers[mailbox.address] = answer
            if len(answers) > CACHE_SIZE:
                answers.popitem(last=False)
        return answer

    def _follow_version(self) -> None:
        if time.monotonic() < self._fresh_until:
            return
        version = DirectoryVersion.current()
        if version != self._version:
            self._answers = OrderedDict()
            self._version = version
        self._fresh_until = time.monotonic() + VERSION_INTERVAL
