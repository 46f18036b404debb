"""How much of the time a cleanup may work: mail goes first."""

import threading
import time


class Pace:
    """Rests as long as it has worked, so that half of the time is everybody else's."""

    LONGEST_REST = 1.0  # seconds

    def __init__(self, *, seconds: float | None = None, stop: threading.Event | None = None):
        """Ends after so many seconds, or when the event is set."""
        self._began = time.monotonic()
        self._deadline = None if seconds is None else self._began + seconds
        self._stop = stop or threading.Event()

    def rest(self) -> bool:
        """Between two batches; whether there is time for another one."""
        now = time.monotonic()
        is_stopped = self._stop.wait(min(now - self._began, self.LONGEST_REST))
        self._began = time.monotonic()
        return not is_stopped and (self._deadline is None or self._began <= self._deadline)
