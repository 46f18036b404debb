"""What is to be stored for a message, and under which key."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from delivery.jobs import Job
from delivery.models import StoredObject
from delivery.objects import keys
from delivery.objects.archives import Owed
from delivery.objects.ledger import Reservation
from fastsmtp.mail.attachment import Attachment


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """One object. `read` decodes: not for the event loop."""

    number: int
    read: Callable[[], bytes]
    content_type: str
    key: str
    spare_key: str

    def reserve(self) -> Reservation:
        data = self.read()
        return Reservation(
            number=self.number,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            key=self.key,
            spare_key=self.spare_key,
        )


def attachment_contents(
    job: Job, attachments: Sequence[Attachment], *, prefix: str, internet_message_id: str
) -> Iterator[Content]:
    """In the order of the attachments; the number is the index + 1."""
    folder = keys.message_folder(
        prefix=prefix,
        domain=job.domain_name,
        internet_message_id=internet_message_id,
        id=job.message_id,
    )
    names = keys.unique_names(attachment.filename for attachment in attachments)
    for attachment, name in zip(attachments, names, strict=True):
        yield Content(
            number=attachment.index + 1,
            read=partial(getattr, attachment, "content"),
            content_type=attachment.content_type,
            key=f"{folder}/{name}",
            spare_key=f"{folder}-{job.message_id}/{name}",
        )


def raw_content(mail: Job | Owed, delivered: bytes, prefix: str) -> Content:
    """The bytes as delivered."""
    key = keys.raw_key(
        prefix=prefix,
        domain=mail.domain_name,
        received_at=mail.received_at,
        id=mail.message_id,
    )
    return Content(
        number=StoredObject.RAW,
        read=lambda: delivered,
        content_type="message/rfc822",
        key=key,
        spare_key=key,
    )
