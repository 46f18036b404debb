"""An outage of the database in the log: a line when it begins and one when it is over."""

import logging

log = logging.getLogger(__name__)

RETRY_DATABASE = 0.5  # seconds until it is asked again


class Outage:
    def __init__(self) -> None:
        self._is_on = False

    def go_on(self, error: Exception) -> None:
        if not self._is_on:
            log.warning("the database is away: %s", error)
        self._is_on = True

    def end(self) -> None:
        if self._is_on:
            log.warning("the database is back")
        self._is_on = False
