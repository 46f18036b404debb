"""A Message-ID that a million mails have costs each of them what any other does.

In a hash index all of them are in one chain, which every insert walked from its beginning; a B-tree
of the hash finds its place in a few steps, and is smaller. PostgreSQL only. Both are built and
dropped while mail is written, and what was interrupted can be begun again.
"""

from typing import Any

from django.db import migrations

_HASH = (
    "messages_by_header_id",
    "ON messages USING hash (internet_message_id) WHERE internet_message_id <> ''",
)
_TREE = (
    "messages_by_header_hash",
    "ON messages (hashtextextended(internet_message_id, 0)) WHERE internet_message_id <> ''",
)


def _apply(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor, _HASH, by=_TREE)


def _revert(apps: Any, schema_editor: Any) -> None:
    _replace(schema_editor, _TREE, by=_HASH)


def _replace(schema_editor: Any, old: tuple[str, str], *, by: tuple[str, str]) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    name, definition = by
    # One that was interrupted while it was built is there, but invalid.
    schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    schema_editor.execute(f"CREATE INDEX CONCURRENTLY {name} {definition}")
    schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {old[0]}")


class Migration(migrations.Migration):
    atomic = False  # as CREATE INDEX CONCURRENTLY wants it

    dependencies = [("delivery", "0019_tries_of_replays")]

    operations = [migrations.RunPython(_apply, _revert)]
