"""Whose it is to mend an answer that will not change by itself. Pure."""

from enum import StrEnum

from delivery.lanes.answers import ABOUT_THE_MAIL, Kind, kind_of_status


class Problem(StrEnum):
    AUTH = "auth"  # the recipient's headers: missing or wrong credentials
    CONFIG = "config"  # the webhook's URL, method or place
    PAYLOAD = "payload"  # this mail, or the form it has: other mail may be taken


# RFC 9110 §15.5.2, §15.5.3, §15.5.4, §15.5.8
_AUTH = frozenset({401, 402, 403, 407})


def problem_of(status_code: int | None) -> Problem | None:
    """None for what may pass by itself, and where no answer came."""
    if status_code is None or kind_of_status(status_code) is not Kind.SLOW:
        return None
    if status_code in _AUTH:
        return Problem.AUTH
    return Problem.PAYLOAD if status_code in ABOUT_THE_MAIL else Problem.CONFIG
