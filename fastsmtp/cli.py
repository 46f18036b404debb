"""What our commands share: `NAME ACTION …`, refusals in a sentence, lists as aligned columns."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser


class ActionsCommand(BaseCommand):
    """A command with actions. A subclass adds a parser for each in `add_actions`, and names the
    method that performs it: `parser.set_defaults(perform=self.create)`.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_actions(parser.add_subparsers(metavar="ACTION", required=True))

    def add_actions(self, actions: Any) -> None:
        raise NotImplementedError

    def handle(self, *, perform: Callable[..., None], **options: Any) -> None:
        try:
            perform(**options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None

    def say(self, text: str) -> None:
        self.stdout.write(text)

    def warn(self, text: str) -> None:
        self.stderr.write(self.style.WARNING(text))

    def print_rows(self, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
        """Rows of the same keys, as columns under their names or as a JSON array."""
        if as_json:
            self.say(json.dumps(rows, default=str, indent=2))
        elif rows:
            self.say(align([list(rows[0]), *(list(row.values()) for row in rows)]))


def process_count(text: str) -> int:
    """The type of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def align(table: Sequence[Sequence[Any]]) -> str:
    """The table's first row is its heading."""
    texts = [[_cell(value) for value in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)
