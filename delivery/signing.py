"""Signatures by Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`."""

import hmac
from base64 import b64decode, b64encode


def sign(*, secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` for a secret of the form `whsec_` + base64(key)."""
    key = b64decode(secret.removeprefix("whsec_"))
    content = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    return "v1," + b64encode(hmac.digest(key, content, "sha256")).decode()
