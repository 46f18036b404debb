"""Every list of a log of millions is found by an index, at the least cost for ordinary mail.

- A list of one domain walks through `deliveries_listed`, which has what lists ask for beside the
  domain and the time: the others are passed over without looking at their rows. It replaces
  `deliveries_by_domain`, so that a mail writes no more entries than before.
- On PostgreSQL, what is neither pending nor delivered has an index of its own, which an ordinary
  mail never touches. It replaces the one of quarantined mail.
- A Message-ID is found by its hash (PostgreSQL) or by its beginning (MariaDB, which has no index on
  998 characters). SQLite walks through the messages of the domain.

MariaDB has no partial indexes, and SQLite cannot tell that a parameter is in one: there the walk
has to do. All is built while mail is written; on PostgreSQL a build that was interrupted can be
begun again.
"""

from typing import Any

from django.db import migrations, models

_LISTED = models.Index(
    fields=["domain", "created_at", "status", "recipient"], name="deliveries_listed"
)

_POSTGRESQL = {
    "deliveries_troubled": "ON deliveries (status, domain_id, created_at, id)"
    " WHERE status NOT IN ('pending', 'delivered')",
    "messages_by_header_id": "ON messages USING hash (internet_message_id)"
    " WHERE internet_message_id <> ''",
}
_POSTGRESQL_BEFORE = {
    "deliveries_quarantined": "ON deliveries (created_at) WHERE status = 'quarantined'",
}
_MARIADB = "messages_by_header_id ON messages"


class _AddIndex(migrations.AddIndex):
    """Without a lock, on PostgreSQL; the others build theirs in place anyway."""

    def database_forwards(self, app_label: str, schema_editor: Any, old: Any, new: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, old, new)
            return
        _drop(schema_editor, self.index.name)
        model = new.apps.get_model(app_label, self.model_name)
        schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(self, app_label: str, schema_editor: Any, old: Any, new: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, old, new)
            return
        _drop(schema_editor, self.index.name)


class _RemoveIndex(migrations.RemoveIndex):
    def database_forwards(self, app_label: str, schema_editor: Any, old: Any, new: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, old, new)
            return
        _drop(schema_editor, str(self.name))

    def database_backwards(self, app_label: str, schema_editor: Any, old: Any, new: Any) -> None:
        index = new.models[app_label, self.model_name_lower].get_index_by_name(self.name)
        _AddIndex(self.model_name, index).database_forwards(app_label, schema_editor, old, new)


def _drop(schema_editor: Any, name: str) -> None:
    """One that was interrupted while it was built is there, but invalid."""
    schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def _build(schema_editor: Any, indexes: dict[str, str]) -> None:
    for name, definition in indexes.items():
        _drop(schema_editor, name)
        schema_editor.execute(f"CREATE INDEX CONCURRENTLY {name} {definition}")


def _apply(apps: Any, schema_editor: Any) -> None:
    match schema_editor.connection.vendor:
        case "postgresql":
            _build(schema_editor, _POSTGRESQL)
            for name in _POSTGRESQL_BEFORE:
                _drop(schema_editor, name)
        case "mysql":
            schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {_MARIADB} (internet_message_id(64))")


def _revert(apps: Any, schema_editor: Any) -> None:
    match schema_editor.connection.vendor:
        case "postgresql":
            _build(schema_editor, _POSTGRESQL_BEFORE)
            for name in _POSTGRESQL:
                _drop(schema_editor, name)
        case "mysql":
            schema_editor.execute(f"DROP INDEX {_MARIADB}")


class Migration(migrations.Migration):
    atomic = False  # as CREATE INDEX CONCURRENTLY wants it

    dependencies = [("delivery", "0012_replays")]

    operations = [
        _AddIndex("delivery", _LISTED),
        _RemoveIndex("delivery", "deliveries_by_domain"),
        migrations.RunPython(_apply, _revert),
    ]
