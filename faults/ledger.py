"""What the database says about mails, read past the product: a test must not trust its subject."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Self

import psycopg


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Ids, as they are written in a `webhook-id`."""

    messages: frozenset[str] = frozenset()
    deliveries: frozenset[str] = frozenset()

    def __sub__(self, other: Self) -> Self:
        return type(self)(
            messages=self.messages - other.messages,
            deliveries=self.deliveries - other.deliveries,
        )


class Ledger:
    """`address` is a PostgreSQL URL or the path of a SQLite file."""

    def __init__(self, address: str) -> None:
        self._address = address

    def rows(self) -> Rows:
        """Everything that was ever stored."""
        return Rows(
            messages=frozenset(self._ids("SELECT id FROM messages")),
            deliveries=frozenset(self._ids("SELECT id FROM deliveries")),
        )

    def claimed(self) -> set[str]:
        """Deliveries whose call is under way, or was when its worker died."""
        return set(self._ids("SELECT id FROM deliveries WHERE claim_id IS NOT NULL"))

    def open_count(self) -> int:
        """Messages that are still to be routed, deliveries still to be called or recorded."""
        unrouted = self._select("SELECT count(*) FROM messages WHERE route_due_at IS NOT NULL")
        undelivered = self._select("SELECT count(*) FROM deliveries WHERE status <> 'delivered'")
        return int(unrouted[0][0]) + int(undelivered[0][0])

    def _ids(self, statement: str) -> Iterator[str]:
        # SQLite stores them without dashes.
        return (str(uuid.UUID(str(row[0]))) for row in self._select(statement))

    def _select(self, statement: str) -> list[tuple[Any, ...]]:
        if self._address.startswith("postgresql://"):
            with psycopg.connect(self._address) as connection:
                return connection.execute(statement.encode()).fetchall()
        with closing(sqlite3.connect(self._address, timeout=30)) as database:
            return database.execute(statement).fetchall()
