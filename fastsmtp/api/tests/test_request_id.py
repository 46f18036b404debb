import uuid

import pytest
from django.test import Client


def _request_id(offered: str | None = None, path: str = "/api/v1/health") -> str:
    headers = {} if offered is None else {"X-Request-ID": offered}
    return Client().get(path, headers=headers)["X-Request-ID"]


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/domains", "/api/v1/nothing"])
def test_every_response_has_one(path: str) -> None:
    first, second = (uuid.UUID(_request_id(path=path)) for _ in range(2))
    assert first != second


def test_one_that_is_offered_is_kept() -> None:
    assert _request_id("proxy-4711_a.b") == "proxy-4711_a.b"


@pytest.mark.parametrize("offered", ["", "a b", "x" * 65, "a\tb", "ü"])
def test_one_that_could_harm_a_log_is_not(offered: str) -> None:
    assert _request_id(offered) != offered
