"""The child of `delivery.courier.rehearsal`, which runs this module: it builds the bodies that it
is given, and says each time that it is still alive. It never opens the database."""

import os
import pickle
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import django

from fastsmtp.config import config
from fastsmtp.lifeline import die_with_parent
from fastsmtp.logs import configure_logging

ALIVE = b"."  # written when it is ready, and after each body
MEMORY = 2 * 1024**3  # bytes of its address space, at least
MEMORY_OF_A_BYTE = 8  # more for each that a message may have


def main() -> None:
    """Until its standard input ends."""
    die_with_parent()
    _die_first()
    # What a library prints must not look like an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fastsmtp.settings")
    configure_logging(config())
    django.setup()
    from delivery.bodies.body import build  # models can be imported only now

    answers.write(ALIVE)
    with suppress(EOFError):
        while True:
            job, raw = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our parent
            _try(build, job, raw)
            answers.write(ALIVE)


def _die_first() -> None:
    """Before the worker when memory is short, and before there is none for others."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    limit = max(MEMORY, MEMORY_OF_A_BYTE * config().smtp_max_message_size)
    with suppress(ValueError):  # it may not have as much anyway
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _try(build: Callable[..., object], *arguments: object) -> None:
    """Raises MemoryError; any other error will be an outcome in the worker, too."""
    try:
        build(*arguments)
    except MemoryError:
        raise
    except Exception:  # noqa: S110
        pass


if __name__ == "__main__":
    main()
