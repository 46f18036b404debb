"""Secrets at rest: Fernet with a list of keys, the newest first (`FASTSMTP_ENCRYPTION_KEY`)."""

import base64
import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class DecryptionError(Exception):
    """A stored secret does not open with any of the configured keys."""


def parse_keys(text: str) -> list[bytes]:
    """Comma-separated url-safe base64 keys of 32 bytes; raises ValueError with a sentence."""
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if not keys:
        raise ValueError("must hold at least one key")
    for number, key in enumerate(keys, 1):
        try:
            is_sound = len(base64.urlsafe_b64decode(key)) == 32
        except (binascii.Error, ValueError):
            is_sound = False
        if not is_sound:
            raise ValueError(f"key {number} is not url-safe base64 of 32 bytes")
    return [key.encode() for key in keys]


def generate_key() -> str:
    return Fernet.generate_key().decode()


class Vault:
    """Encrypts with the newest key, decrypts with any."""

    def __init__(self, keys: list[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, clear: bytes) -> str:
        return self._fernet.encrypt(clear).decode()

    def decrypt(self, token: str) -> bytes:
        try:
            return self._fernet.decrypt(token)
        except InvalidToken:
            raise DecryptionError(
                "a stored secret does not open with FASTSMTP_ENCRYPTION_KEY"
            ) from None
