"""Names that differ by an accent are two, on MariaDB too."""

from django.db import migrations

from fastsmtp.collation import compare_exactly


class Migration(migrations.Migration):
    atomic = False  # MariaDB changes no table in a transaction
    dependencies = [("accounts", "0001_initial")]
    operations = [
        compare_exactly("accounts", "domain", "domain_name"),
        compare_exactly("accounts", "user", "username"),
    ]
