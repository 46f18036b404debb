"""Secrets of Standard Webhooks 1.0, as people set them: `whsec_` + base64 of the key."""

import binascii
from base64 import b64decode

PREFIX = "whsec_"
SECRET_FORM = "whsec_ and base64 of 24 to 64 bytes, for example of `openssl rand -base64 32`"


def require_secret(secret: str) -> None:
    """Raises ValueError, without the secret in it, unless it has the form and the length that the
    standard asks for."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"must be {SECRET_FORM}")
