"""Lists are bare arrays; `limit` cuts them and `Link` goes on."""

import re
from base64 import b64encode
from typing import Any

import pytest

from accounts.models import Domain
from fastsmtp.api.tests.caller import errors, get

pytestmark = pytest.mark.django_db

NAMES = [f"d{number:02}.example" for number in range(7)]

LIMITS = ["0", "501", "-1", "x", "", "1.5", "٣", "9" * 5000, "0000000019999999", "0" * 5000 + "1"]


@pytest.fixture(autouse=True)
def _domains() -> None:
    Domain.objects.bulk_create(Domain(domain_name=name) for name in reversed(NAMES))


def _next(response: Any) -> Any:
    match = re.fullmatch(r'<http://testserver/api/v1(.+)>; rel="next"', response["Link"])
    assert match is not None
    return match[1]


def _names(response: Any) -> Any:
    return [domain["domain_name"] for domain in response.json()]


def test_a_short_list_is_complete() -> None:
    response = get("/domains")
    assert _names(response) == NAMES
    assert "Link" not in response


def test_following_the_links_sees_everything_once() -> None:
    path, seen = "/domains?limit=3", []
    while True:
        response = get(path)
        seen.append(_names(response))
        if "Link" not in response:
            break
        path = _next(response)
    assert seen == [NAMES[:3], NAMES[3:6], NAMES[6:]]


def test_a_last_page_that_is_full_has_no_link() -> None:
    assert "Link" not in get("/domains?limit=7")


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_outside_the_range_is_refused(limit: str) -> None:
    response = get(f"/domains?limit={limit}")
    assert response.status_code == 422
    assert errors(response) == {"/limit": "invalid_limit"}


@pytest.mark.parametrize(
    "cursor",
    ["x", "ü", b64encode(b"o=-1").decode(), b64encode(b"p=a%00").decode()],
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    response = get(f"/domains?cursor={cursor}")
    assert response.status_code == 422
    assert errors(response) == {"/cursor": "invalid_cursor"}
