"""What every table shares: ids that grow with time, timestamps, encrypted columns."""

import logging
from functools import cache, lru_cache
from typing import Any

import orjson
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from fastsmtp.config import config
from fastsmtp.crypto import DecryptionError, Vault, parse_keys
from fastsmtp.ids import uuid7

log = logging.getLogger(__name__)


class Record(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


@cache
def vault() -> Vault:
    key = config().encryption_key
    if key is None:
        raise ImproperlyConfigured("FASTSMTP_ENCRYPTION_KEY is not set; run `init` first")
    return Vault(parse_keys(key.get_secret_value()))


@lru_cache(maxsize=10_000)
def _decrypt(token: str) -> bytes:
    # A busy endpoint's secret is read many times a second.
    return vault().decrypt(token)


UNREADABLE = object()
"""What a field holds that does not open with any key: fits no use, so that using it fails."""


class EncryptedJSONField(models.TextField):
    """A JSON value that the database only sees encrypted. It cannot be searched."""

    # Where django-stubs looks for what can be assigned and read.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else vault().encrypt(orjson.dumps(value))

    def from_db_value(self, value: str | None, *_: object) -> Any:
        if value is None:
            return None
        try:
            return orjson.loads(_decrypt(value))
        except DecryptionError:
            # One such row must not keep all others of a query from being read.
            log.error("%s of a row cannot be decrypted", self.attname)
            return UNREADABLE

    def to_python(self, value: Any) -> Any:
        return value
