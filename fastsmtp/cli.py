"""What our commands share: `NAME ACTION …`, refusals in a sentence, lists as aligned columns."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from fastsmtp.checks import check_variable_names

log = structlog.get_logger()

THE_COMMAND = "the command"  # who did it, where the log and the records tell who


class ActionsCommand(BaseCommand):
    """A command with actions. A subclass names each in `add_actions`, with the method that
    performs it: `create = self.action("create", self.create, "make one")`.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        self._actions = parser.add_subparsers(metavar="ACTION", required=True)
        self.add_actions()

    def add_actions(self) -> None:
        raise NotImplementedError

    def action(self, name: str, perform: Callable[..., None], text: str) -> ArgumentParser:
        """The parser of an action, for its arguments; `text` is its help."""
        parser: ArgumentParser = self._actions.add_parser(name, help=text)
        parser.set_defaults(perform=perform)
        return parser

    def list_action(self, perform: Callable[..., None], text: str) -> ArgumentParser:
        """`list`, with the option that makes it JSON."""
        parser = self.action("list", perform, text)
        parser.add_argument("--json", action="store_true", dest="as_json")
        return parser

    def handle(self, *, perform: Callable[..., None], **options: Any) -> None:
        try:
            perform(**options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None

    def say(self, text: str) -> None:
        self.stdout.write(text)

    def warn(self, text: str) -> None:
        self.stderr.write(self.style.WARNING(text))

    def print_rows(
        self, rows: Sequence[Mapping[str, Any]], *, as_json: bool = False, otherwise: str = ""
    ) -> None:
        """Rows of the same keys, as columns under their names or as a JSON array; `otherwise` is
        said where there are none."""
        if as_json:
            self.say(json.dumps(rows, default=str, indent=2))
        elif rows:
            self.say(align([list(rows[0]), *(list(row.values()) for row in rows)]))
        else:
            self.say(otherwise)


class EarlyCommand(BaseCommand):
    """A command that is there before the database is. Of Django's checks it makes only that of our
    variables, and tells the log."""

    requires_system_checks = ("variables",)

    def check(self, *_: Any, **__: Any) -> None:
        for warning in check_variable_names():
            log.warning(warning.msg, hint=warning.hint)


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
