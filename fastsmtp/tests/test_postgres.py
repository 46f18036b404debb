"""Plans that were made for an empty table do not outlive it."""

import pytest
from django.db import connection

from fastsmtp.ids import uuid7

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="about PostgreSQL's sessions"),
]


def test_a_lookup_by_key_uses_the_index_of_an_empty_table() -> None:
    connection.close()
    ids = [uuid7() for _ in range(50)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN SELECT id FROM messages WHERE id IN ({', '.join(f"'{id}'" for id in ids)})"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("SHOW jit")
        [jit] = cursor.fetchone() or [None]
    assert "messages_pkey" in plan
    assert "Seq Scan" not in plan
    assert jit == "off"
