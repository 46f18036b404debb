"""What the database says about mails, read past the product: a test must not trust its subject."""

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import psycopg

# A disabled endpoint holds what waits for it: that is seen, not stored.
STATE = """CASE WHEN deliveries.status IN ('pending', 'failed') AND lanes.state = 'disabled'
    THEN 'held' ELSE deliveries.status END"""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Ids, as they are written in a `webhook-id`."""

    messages: frozenset[str] = frozenset()
    routed: frozenset[str] = frozenset()  # messages that have a delivery
    deliveries: frozenset[str] = frozenset()

    def __sub__(self, other: Self) -> Self:
        return type(self)(
            messages=self.messages - other.messages,
            routed=self.routed - other.routed,
            deliveries=self.deliveries - other.deliveries,
        )


class Ending(NamedTuple):
    """What the database says of a delivery in the end."""

    delivery: str
    unique_id: str  # of the mail, as the sender made it
    recipient: str
    state: str  # its status, or `held` while its endpoint is disabled


class Ledger:
    """`address` is a PostgreSQL URL or the path of a SQLite file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._is_postgresql = address.startswith("postgresql://")

    def rows(self) -> Rows:
        """Everything that was ever stored."""
        return Rows(
            messages=frozenset(self._ids("SELECT id FROM messages")),
            routed=frozenset(self._ids("SELECT DISTINCT message_id FROM deliveries")),
            deliveries=frozenset(self._ids("SELECT id FROM deliveries")),
        )

    def claimed(self) -> set[str]:
        """Deliveries whose call is under way, or was when its worker died."""
        return set(self._ids("SELECT id FROM deliveries WHERE claim_id IS NOT NULL"))

    def open_count(self) -> int:
        """Messages that are still to be routed, deliveries still to be called or recorded."""
        unrouted = self._select("SELECT count(*) FROM messages WHERE route_due_at IS NOT NULL")
        undelivered = self._select(
            f"""SELECT count(*) FROM deliveries LEFT JOIN lanes USING (endpoint_id)
            WHERE {STATE} IN ('pending', 'failed')"""
        )
        return int(unrouted[0][0]) + int(undelivered[0][0])

    def endings(self) -> list[Ending]:
        rows = self._select(
            f"""SELECT deliveries.id, internet_message_id, recipient_address, {STATE}
            FROM deliveries LEFT JOIN lanes USING (endpoint_id)
            JOIN messages ON messages.id = deliveries.message_id"""
        )
        return [
            Ending(str(uuid.UUID(str(id))), unique_id.strip("<>"), recipient, state)
            for id, unique_id, recipient, state in rows
        ]

    def attempts(self, delivery: str) -> list[str]:
        """One line for each call of a delivery, for people who look for the cause of something."""
        key = f"'{delivery}'" if self._is_postgresql else f"'{uuid.UUID(delivery).hex}'"
        rows = self._select(
            f"""SELECT number, started_at, duration_ms, outcome, status_code, error FROM attempts
            WHERE delivery_id = {key} ORDER BY started_at"""
        )
        return [
            f"#{number} {started_at}, {duration} ms: {outcome} {status or ''} {error}".rstrip()
            for number, started_at, duration, outcome, status, error in rows
        ]

    def _ids(self, statement: str) -> Iterator[str]:
        # SQLite stores them without dashes.
        return (str(uuid.UUID(str(row[0]))) for row in self._select(statement))

    def _select(self, statement: str) -> list[tuple[Any, ...]]:
        if self._is_postgresql:
            with psycopg.connect(self.address) as connection:
                return connection.execute(statement.encode()).fetchall()
        with closing(sqlite3.connect(self.address, timeout=30)) as database:
            return database.execute(statement).fetchall()
