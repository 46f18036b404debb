"""What finds old rows without reading the others."""

from typing import Any

import django.utils.timezone
from django.db import migrations, models


def _create(apps: Any, schema_editor: Any) -> None:
    """Quarantined mail is little among much. PostgreSQL alone: MariaDB has no partial indexes, and
    SQLite loses those that the models do not name."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX deliveries_quarantined ON deliveries (created_at)"
            " WHERE status = 'quarantined'"
        )


def _drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX deliveries_quarantined")


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0007_bodies'),
    ]

    operations = [
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('job', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('holder', models.UUIDField(null=True)),
                ('until', models.DateTimeField()),
            ],
            options={
                'db_table': 'leases',
            },
        ),
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('raw_id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'uploads',
            },
        ),
        migrations.AddIndex(
            model_name='rawmessage',
            index=models.Index(fields=['created_at'], name='raw_messages_by_age'),
        ),
        migrations.AddIndex(
            model_name='storedobject',
            index=models.Index(fields=['stored_at'], name='stored_objects_by_age'),
        ),
        migrations.RunPython(_create, _drop),
    ]
