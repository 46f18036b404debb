"""API keys: which caller a key stands for."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from fastsmtp.config import config


class InvalidKey(Exception):
    """The key opens nothing; the text says why and is safe to show."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls the API, as its views see it."""

    id: UUID
    username: str
    is_superuser: bool
    is_authenticated: bool = True  # what REST framework asks of a user


ROOT = Caller(id=UUID(int=2**128 - 1), username="root", is_superuser=True)


def identify(key: bytes) -> Caller:
    """The caller behind a key; raises `InvalidKey`."""
    root_key = config().root_api_key
    if root_key is not None and hmac.compare_digest(key, root_key.get_secret_value().encode()):
        return ROOT
    raise InvalidKey("Invalid API key")
