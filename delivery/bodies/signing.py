"""Signatures by Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable


def read_key(secret: str) -> bytes:
    """The key in a secret of the form `whsec_` + base64(key)."""
    return b64decode(secret.removeprefix("whsec_"))


def key_as_text(secret: str) -> str:
    """For receivers that take no secret of Standard Webhooks: our keys are letters and digits."""
    return read_key(secret).decode()


def sign(*, secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature` while there is one secret."""
    content = b"%b.%d.%b" % (webhook_id.encode(), timestamp, body)
    return "v1," + b64encode(hmac.digest(read_key(secret), content, "sha256")).decode()


def sign_with_all(secrets: Iterable[str], *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """One signature for each secret, in their order: a receiver accepts any that it can check."""
    return " ".join(
        sign(secret=secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
        for secret in secrets
    )
