"""How MariaDB compares what is in a column."""

from typing import Any

from django.db.migrations import RunPython

EXACT = "utf8mb4_bin"


def compare_exactly(app_label: str, model_name: str, field_name: str) -> RunPython:
    """An operation of a migration: the column compares by characters, as it does on the other
    databases. MariaDB's own collation holds an accent, or a capital letter, for no difference."""

    def set_collation(apps: Any, schema_editor: Any, collation: str | None) -> None:
        if schema_editor.connection.vendor != "mysql":
            return
        model = apps.get_model(app_label, model_name)
        before, after = (model._meta.get_field(field_name).clone() for _ in range(2))
        for field in (before, after):
            field.set_attributes_from_name(field_name)
            field.model = model
        (before if collation is None else after).db_collation = EXACT
        schema_editor.alter_field(model, before, after)

    return RunPython(
        lambda apps, schema_editor: set_collation(apps, schema_editor, EXACT),
        lambda apps, schema_editor: set_collation(apps, schema_editor, None),
    )
