"""Secrets at rest: Fernet with a list of keys, the newest first (`FASTSMTP_ENCRYPTION_KEY`)."""

import base64
import binascii
from enum import StrEnum

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


class KeyAge(StrEnum):
    """Which of the keys opens something."""

    NEWEST = "newest key"
    OLDER = "older key"
    LOST = "no key"


class Vault:
    """Encrypts with the newest key, decrypts with any."""

    def __init__(self, keys: list[bytes]) -> None:
        self._newest = Fernet(keys[0])
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, clear: bytes) -> str:
        return self._fernet.encrypt(clear).decode()

    def decrypt(self, token: str) -> bytes:
        try:
            return self._fernet.decrypt(token)
        except (InvalidToken, ValueError):  # ValueError: it is not even ASCII
            raise DecryptionError(
                "a stored secret does not open with FASTSMTP_ENCRYPTION_KEY"
            ) from None

    def age_of_key(self, token: str) -> KeyAge:
        try:
            self.decrypt(token)
        except DecryptionError:
            return KeyAge.LOST
        try:
            self._newest.decrypt(token)
        except InvalidToken:
            return KeyAge.OLDER
        return KeyAge.NEWEST

    def rewrite(self, token: str) -> str:
        """The same under the newest key; raises DecryptionError."""
        return self.encrypt(self.decrypt(token))
