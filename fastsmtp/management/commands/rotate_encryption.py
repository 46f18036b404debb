"""`rotate_encryption`: puts every stored secret under the newest key."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from fastsmtp.cli import align
from fastsmtp.crypto import KeyAge
from fastsmtp.encrypted_columns import EncryptedColumn, Survey, encrypted_columns, survey

MAX_NAMED = 20  # rows that are named one by one
OLDER_KEY_NEEDED = 1  # exit statuses
LOST = 2


class Command(BaseCommand):
    help = (
        "Rewrites all stored secrets with the first key of FASTSMTP_ENCRYPTION_KEY, beside running "
        "processes; it may be interrupted and run again. Exit status: 0 when only that key is "
        "needed, 1 while an older one is, 2 when something opens with none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            "--dry-run",
            action="store_true",
            dest="only_check",
            help="change nothing, tell how many values each key opens",
        )

    def handle(self, *, only_check: bool, **_: Any) -> None:
        columns = encrypted_columns()
        if not only_check:
            for column in columns:
                self._rewrite(column)
        # Counted anew: a process that still has the older key first may have written meanwhile.
        self._report([survey(column) for column in columns])

    def _rewrite(self, column: EncryptedColumn) -> None:
        total = column.count()
        seen = rewritten = 0
        for batch in column.batches():
            rewritten += column.rewrite(batch)
            seen += len(batch)
            self.stderr.write(f"{column}: {seen} of {total} looked at, {rewritten} rewritten")

    def _report(self, surveys: list[Survey]) -> None:
        heading = ["column", *KeyAge]
        rows = [[item.column, *(item.ages[age] for age in KeyAge)] for item in surveys]
        self.stdout.write(align([heading, *rows]))
        lost = [f"{item.column} of {pk}" for item in surveys for pk in item.lost]
        if lost:
            raise CommandError(_name_lost(lost), returncode=LOST)
        if any(item.ages[KeyAge.OLDER] for item in surveys):
            raise CommandError(
                "An older key is still needed: run `rotate_encryption` when every process has the "
                "new key first.",
                returncode=OLDER_KEY_NEEDED,
            )
        self.stdout.write("Only the first key of FASTSMTP_ENCRYPTION_KEY is needed.")


def _name_lost(lost: list[str]) -> str:
    more = [f"and {len(lost) - MAX_NAMED} more"] if len(lost) > MAX_NAMED else []
    return "\n".join(
        [
            f"{len(lost)} values open with no key of FASTSMTP_ENCRYPTION_KEY; add the key they "
            "were stored with, or set them anew:",
            *lost[:MAX_NAMED],
            *more,
        ]
    )
