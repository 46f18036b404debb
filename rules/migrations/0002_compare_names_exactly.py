"""Names that differ by an accent are two, on MariaDB too."""

from django.db import migrations

from fastsmtp.collation import compare_exactly


class Migration(migrations.Migration):
    atomic = False  # MariaDB changes no table in a transaction
    dependencies = [("rules", "0001_initial")]
    operations = [
        compare_exactly("rules", "ruleset", "name"),
    ]
