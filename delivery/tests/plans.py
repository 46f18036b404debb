"""How PostgreSQL finds what a statement asks for."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

type Node = dict[str, Any]

VERBS = ("SELECT", "UPDATE", "DELETE")


def statements_of(ask: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        ask()
    return [query["sql"] for query in queries if query["sql"].lstrip("( ").startswith(VERBS)]


def nodes_of(statement: str) -> Iterator[Node]:
    """What only reads is run, to see how much."""
    reads = not statement.startswith(("UPDATE", "DELETE"))
    options = "ANALYZE, BUFFERS, FORMAT JSON" if reads else "FORMAT JSON"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}) {statement}")
        (plan,) = cursor.fetchone()
    yield from _below(plan[0]["Plan"])


def scans_of(statement: str, table: str) -> list[Node]:
    return [node for node in nodes_of(statement) if node.get("Relation Name") == table]


def rows_seen(node: Node) -> int:
    """With those that a filter took away; 0 where the statement was not run."""
    seen = node.get("Actual Rows", 0) + node.get("Rows Removed by Filter", 0)
    return int(seen * node.get("Actual Loops", 1))


def _below(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", []):
        yield from _below(child)
