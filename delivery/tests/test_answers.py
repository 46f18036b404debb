"""What a receiver's answer means for the delivery."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.http import http_date

from delivery.lanes.answers import Kind, kind_of_status
from delivery.transports.webhook import retry_after

MEANINGS = {
    Kind.DELIVERED: [200, 201, 202, 204, 226, 299],
    Kind.SLOW: [300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 405, 409, 411, 413, 414, 415]
    + [418, 421, 422, 426, 431, 451, 499],
    Kind.FAST: [404, 500, 501, 502, 504, 505, 507, 511, 520, 599],
    Kind.THROTTLED: [408, 425, 429, 503],
    Kind.REFUSED: [406],
    Kind.GONE: [410],
}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(status, kind) for kind, statuses in MEANINGS.items() for status in statuses],
)
def test_status_codes(status: int, kind: Kind) -> None:
    assert kind_of_status(status) is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), (" 7 ", 7), ("9" * 30, 10**9), ("-5", None), ("1.5", None)],
)
def test_retry_after_in_seconds(value: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after({"retry-after": value}) == expected


@pytest.mark.parametrize("seconds", [60, 3600])
def test_retry_after_as_a_date(seconds: int) -> None:
    at = http_date((timezone.now() + timedelta(seconds=seconds)).timestamp())
    wait = retry_after({"retry-after": at})
    assert wait is not None
    assert 0 < seconds - wait.total_seconds() < 30


def test_retry_after_in_the_past_is_now() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "²",
        "Wed, 99 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 +9999999999999999",
        "Wed, 21 Oct 99999999 07:28:00 GMT",
    ],
)
def test_an_unreadable_retry_after_is_none(value: str) -> None:
    assert retry_after({"retry-after": value}) is None


def test_without_retry_after() -> None:
    assert retry_after({}) is None
