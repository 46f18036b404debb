"""Addresses that differ by an accent are two, on MariaDB too: as for whoever receives the mail."""

from django.db import migrations

from fastsmtp.collation import compare_exactly


class Migration(migrations.Migration):
    atomic = False  # MariaDB changes no table in a transaction
    dependencies = [("delivery", "0013_lists_of_a_long_log")]
    operations = [
        compare_exactly("delivery", "recipient", "local_part"),
        compare_exactly("delivery", "delivery", "recipient_address"),
    ]
