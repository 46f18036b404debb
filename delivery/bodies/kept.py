"""What of a message is in the bucket, and how a receiver is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from delivery.jobs import Job
from delivery.models import StoredObject
from fastsmtp.config import config
from fastsmtp.mail.message import ParsedMessage


class Links(Protocol):
    """Addresses of objects, as a bucket gives them."""

    def url(self, key: str) -> str: ...

    def presigned_url(self, key: str, *, seconds: int) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Kept:
    """`attachments` by index. `is_wanted`: all of them should be there, so one that is not goes
    inline as a fallback."""

    links: Links | None = None
    attachments: Mapping[int, StoredObject] = field(default_factory=dict)
    raw: StoredObject | None = None
    is_wanted: bool = False

    def describe(self, row: StoredObject) -> dict[str, Any]:
        assert self.links is not None
        described = {
            "storage": "s3",
            "bucket": row.bucket,
            "key": row.key,
            "url": self.links.url(row.key),
        }
        if config().s3_presigned_urls:
            seconds = config().s3_presigned_url_expiry
            described["presigned_url"] = self.links.presigned_url(row.key, seconds=seconds)
        return described


NOTHING = Kept()
NOT_ARCHIVED = "the message could not be archived"


class NotArchived(Exception):
    """The message has to be in the archive before its webhook is called, and is not."""


class InThread(Protocol):
    """Runs a function away from the event loop, where it finds what it needs."""

    async def __call__[**P, T](
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T: ...


class Keeper(Protocol):
    async def keep(self, job: Job, raw: bytes, mail: ParsedMessage, compute: InThread) -> Kept:
        """Puts what belongs there into the bucket. Raises NotArchived, DatabaseError."""
