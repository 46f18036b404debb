"""How long the oldest transaction has held back what PostgreSQL may forget.

While a transaction is open that may still look at old rows, a backup or a forgotten session, the
index entries of what was delivered since stay, and every claim passes over them again.
"""

from django.db import connection

# A session that neither has a snapshot nor has written holds nothing back.
_OLDEST = """
    SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(since)) FROM (
        SELECT xact_start AS since FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
        AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
        UNION ALL SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()
    ) AS transactions
"""


def oldest_transaction_seconds() -> float | None:
    """0 when there is none but ours; None on other databases.

    PostgreSQL shows the transactions of other users only to members of `pg_read_all_stats`.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        (seconds,) = cursor.fetchone()
    return float(seconds or 0)
