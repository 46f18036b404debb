"""An object has a row in each bucket that it was put into.

The new index, built in a second for a million objects, comes before the old one goes: on MariaDB
the foreign key needs one of them.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0015_smallest_body_limit"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="storedobject",
            constraint=models.UniqueConstraint(
                fields=("message", "number", "bucket"), name="one_object_per_bucket"
            ),
        ),
        migrations.RemoveConstraint(
            model_name="storedobject",
            name="one_object_per_number",
        ),
    ]
