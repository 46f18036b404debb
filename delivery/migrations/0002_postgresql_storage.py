"""How PostgreSQL lays the busiest tables out. Other databases have nothing like it.

- A claim changes no indexed column; with room on the page the new row version stays there and no
  index is touched (heap-only tuples).
- Raw mail is not compressed: that costs more time than all the rest of storing a mail. Up to 8 KB
  stays in the row, instead of in chunks of 2 KB in a side table with an index of its own.
"""

from typing import Any

from django.db import migrations

_APPLY = """
    ALTER TABLE deliveries SET (fillfactor = 70);
    ALTER TABLE lanes SET (fillfactor = 50);
    ALTER TABLE raw_messages SET (toast_tuple_target = 8160);
    ALTER TABLE raw_messages ALTER COLUMN content SET STORAGE EXTERNAL;
    ALTER TABLE raw_chunks ALTER COLUMN content SET STORAGE EXTERNAL;
"""
_REVERT = """
    ALTER TABLE deliveries RESET (fillfactor);
    ALTER TABLE lanes RESET (fillfactor);
    ALTER TABLE raw_messages RESET (toast_tuple_target);
    ALTER TABLE raw_messages ALTER COLUMN content SET STORAGE EXTENDED;
    ALTER TABLE raw_chunks ALTER COLUMN content SET STORAGE EXTENDED;
"""


def _apply(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_APPLY)


def _revert(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_REVERT)


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial")]
    operations = [migrations.RunPython(_apply, _revert)]
