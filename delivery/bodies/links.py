"""Links to what does not fit into a call: an attachment, or the raw message.

Whoever has a link may use it until it expires: the receiver has no key of the API. A signature
binds it to one delivery, one part and its expiry; its key is derived for this purpose alone.
"""

import time
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from fastsmtp.config import config

RAW = "raw"


class LinkExpired(Exception):
    """The link was ours, and is too old."""


class LinkForged(Exception):
    """The link was never ours."""


def make_link(delivery_id: UUID, part: int | str) -> str:
    """`part` is the index of an attachment, or `RAW`."""
    expires = int(time.time() + config().download_url_expiry.total_seconds())
    signature = _sign(delivery_id, str(part), expires)
    return (
        f"{config().public_address}/downloads/{delivery_id}/{part}"
        f"?expires={expires}&signature={signature}"
    )


def check_link(delivery_id: UUID, part: str, *, expires: str, signature: str) -> None:
    """Raises LinkForged, LinkExpired."""
    if not expires.isdecimal() or len(expires) > 12:
        raise LinkForged
    if not constant_time_compare(signature, _sign(delivery_id, part, int(expires))):
        raise LinkForged
    if int(expires) < time.time():
        raise LinkExpired


def _sign(delivery_id: UUID, part: str, expires: int) -> str:
    return salted_hmac(
        "fastsmtp.delivery.links", f"{delivery_id}/{part}/{expires}", algorithm="sha256"
    ).hexdigest()
