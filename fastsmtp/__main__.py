"""The command line: `fastsmtp`, `python -m fastsmtp` and `manage.py` are the same."""

import io
import os
import sys
from typing import NoReturn

from django.core.management import BaseCommand, ManagementUtility
from django.core.management.base import CommandParser
from django.db import DatabaseError, OperationalError

from fastsmtp.config import ConfigError, config
from fastsmtp.lifeline import die_with_parent
from fastsmtp.logs import configure_logging
from fastsmtp.supervisor import StartFailed
from fastsmtp.welcome import command_name

_SERVICES = ("serve", "smtpd")  # they run until somebody stops them, and their log is their answer

# What SQLite, PostgreSQL (SQLSTATE 42P01) and MariaDB (error 1146) say of a table that the
# migrations have not made yet.
_MISSING_TABLE = ("no such table", "does not exist", "doesn't exist")


def main() -> None:
    """Runs one command. What the operator can mend is told in a sentence, with exit status 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")
    os.umask(0o077)  # whatever we write, mail or secrets, is for our own eyes
    die_with_parent()
    _unbuffer_stderr()
    try:
        configure_logging(config(), is_quiet=not set(sys.argv[1:2]) & set(_SERVICES))
        _Utility([command_name(), *sys.argv[1:]]).execute()
    except ConfigError as error:
        _exit(*error.problems)
    except StartFailed as error:
        _exit(f"FastSMTP stops because {error} did not start.")
    except DatabaseError as error:
        if not isinstance(error, OperationalError) and not _is_missing_table(error):
            raise
        _exit(_database_sentence(error))
    except KeyboardInterrupt:
        sys.exit(130)


class _Utility(ManagementUtility):
    """Its help names it as the reader typed it; Django names the file that was run."""

    def __init__(self, argv: list[str]) -> None:
        super().__init__(argv)
        self.prog_name = argv[0]

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        add_arguments = command.add_arguments

        def add_named(parser: CommandParser) -> None:
            parser.prog = f"{self.prog_name} {subcommand}"
            add_arguments(parser)

        command.add_arguments = add_named  # type: ignore[method-assign]
        return command


def _unbuffer_stderr() -> None:
    """As PYTHONUNBUFFERED does. A line that could not be written, to a full disk or a dead
    collector, would stay in the buffer and turn a clean end into exit status 120."""
    raw = io.FileIO(sys.stderr.fileno(), "wb", closefd=False)
    sys.stderr = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", write_through=True)


def _exit(*sentences: str) -> NoReturn:
    # In one piece: a thread that logs would otherwise come between a sentence and its line's end.
    sys.stderr.write("".join(f"{sentence}\n" for sentence in sentences))
    sys.exit(1)


def _is_missing_table(error: DatabaseError) -> bool:
    return any(words in str(error) for words in _MISSING_TABLE)


def _database_sentence(error: DatabaseError) -> str:
    """Drivers name host and user in their messages, never the password."""
    if _is_missing_table(error) or "unable to open database file" in str(error):
        return "The database is not set up yet: run `init` or `serve` first."
    reason = " ".join(str(error).split())
    return f"The database cannot be used: {reason}."


if __name__ == "__main__":
    main()
