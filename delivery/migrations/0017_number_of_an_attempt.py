"""An attempt's number may be as large as its delivery's count of them.

The table is written anew: on PostgreSQL about 5 s for a million attempts, in which outcomes wait to
be recorded. Workers of before write two bytes where four are now, and are refused: they are to be
stopped first. No mail is refused meanwhile.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0016_objects_of_several_buckets"),
    ]

    operations = [
        migrations.AlterField(
            model_name="attempt",
            name="number",
            field=models.PositiveIntegerField(),
        ),
    ]
