"""Signatures by Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`."""

import hmac
from base64 import b64decode, b64encode


def read_key(secret: str) -> bytes:
    """The key in a secret of the form `whsec_` + base64(key)."""
    return b64decode(secret.removeprefix("whsec_"))


def sign(*, secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    content = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    return "v1," + b64encode(hmac.digest(read_key(secret), content, "sha256")).decode()
