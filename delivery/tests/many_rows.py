"""Tables as long as in an old installation, on PostgreSQL."""

from django.db import connection


def copy_row(table: str, count: int, **columns: str) -> None:
    """Copies the only row, with other columns: expressions over `n`, which counts."""
    changes = ", ".join(f"'{name}', {value}" for name, value in columns.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(one, jsonb_build_object({changes}))"
            f").* FROM {table} AS one, generate_series(1, {count}) AS n"
        )


def id_of(number: str) -> str:
    """The id of a copy, by an expression over `n`."""
    return f"('00000000-0000-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"
