"""`cleanup`: what beat does a little of each minute, to the end; or what it would delete."""

import time
from argparse import ArgumentTypeError
from dataclasses import replace
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from delivery.retention.ages import Ages
from delivery.retention.cleanup import clean_up
from delivery.retention.clock import ClocksDiffer
from delivery.retention.lease import LeaseTaken
from delivery.retention.run import Report
from fastsmtp.cli import align
from fastsmtp.config import config

PROGRESS_INTERVAL = 5.0  # seconds

# What is counted, in the order of the table.
KINDS = {
    "held": "held deliveries discarded",
    "quarantined": "quarantined deliveries discarded",
    "deliveries": "deliveries deleted",
    "attempts": "attempts deleted",
    "raw_messages": "raw messages deleted",
    "uploads": "abandoned uploads deleted",
    "objects": "attachments deleted from the bucket",
    "messages": "messages deleted",
    "replays": "replays deleted",
    "replay_items": "entries of replays deleted",
    "events": "events deleted",
    "event_notes": "notes for events deleted",
    "incidents": "incidents of what is gone deleted",
}
AGES = {
    "messages": "messages, and their attachments in a bucket",
    "raw": "raw messages",
    "log": "deliveries with their attempts, replays, events",
    "held": "mail on a disabled endpoint, until it is discarded",
    "quarantined": "quarantined mail, until it is discarded",
}


class Command(BaseCommand):
    help = "Deletes what is older than its retention. Ages are days and 0 is for ever; without \
them the configuration's count."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would go")
        for name, text in AGES.items():
            parser.add_argument(f"--{name}", type=_days, metavar="DAYS", help=text)

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        self._told_at = time.monotonic()
        given = {name: options[name] for name in AGES if options[name] is not None}
        ages = replace(Ages.of(config()), **given)
        try:
            report = clean_up(ages, is_dry=dry_run, tell=self._tell)
        except LeaseTaken:
            raise CommandError(
                "Another cleanup is at work, or ended less than two minutes ago without a word."
            ) from None
        except ClocksDiffer as error:
            raise CommandError(str(error)) from None
        rows = [[text, report.counts[kind]] for kind, text in KINDS.items()]
        self.stdout.write(align([["would be" if dry_run else "was", "rows"], *rows]))
        if report.refused:
            raise CommandError(
                f"{report.refused} attachments could not be deleted from the bucket: "
                f"{report.refusal}. They are tried again next time."
            )

    def _tell(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_INTERVAL:
            self._told_at = now
            self.stderr.write(f"{report.counts.total()} rows so far …")


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) > 36_500:
        raise ArgumentTypeError(f"{text} is not a number of days (0 to 36500)")
    return int(text)
