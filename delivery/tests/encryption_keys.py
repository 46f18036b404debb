"""Keys at rest that change while a test runs, as they do between two starts."""

from typing import Any

import pytest
from django.db import connection
from pydantic import SecretStr

from fastsmtp import orm
from fastsmtp.config import config
from fastsmtp.crypto import Vault, generate_key


def use_keys(patch: pytest.MonkeyPatch, *keys: str) -> None:
    """The newest first; nothing is remembered of the keys before."""
    patch.setattr(config(), "encryption_key", SecretStr(",".join(keys)))
    forget_keys()


def forget_keys() -> None:
    orm.vault.cache_clear()
    orm._decrypt.cache_clear()


def key_in_use() -> str:
    key = config().encryption_key
    assert key is not None
    return key.get_secret_value()


def lose(table: str, column: str, row_id: Any = None) -> None:
    """Stores what no key of ours opens, in one row or in all."""
    token = Vault([generate_key().encode()]).encrypt(b'"lost"')
    with connection.cursor() as cursor:
        if row_id is None:
            cursor.execute(f"UPDATE {table} SET {column} = %s", [token])
        else:
            cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [token, row_id])


def tokens(table: str, column: str) -> list[str]:
    """As the database has them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY id")
        return [row[0] for row in cursor.fetchall()]
