"""Tells on standard error what a long job is doing."""

import sys
import time

PLAIN_INTERVAL = 5.0  # seconds between lines where lines cannot be overwritten


class ProgressLine:
    """One line that changes in place; in a log file a new line now and then."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started_at = time.monotonic()
        self._shown_at = -PLAIN_INTERVAL

    def show(self, text: str) -> None:
        elapsed = time.monotonic() - self._started_at
        line = f"{self._title}: {text} ({elapsed:.0f} s)"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif elapsed - self._shown_at >= PLAIN_INTERVAL:
            self._shown_at = elapsed
            print(line, file=sys.stderr, flush=True)

    def finish(self, text: str) -> None:
        start = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{start}{self._title}: {text}", file=sys.stderr, flush=True)
