"""Calls the API as a client would, except for the socket."""

from typing import Any

import orjson
from django.test import Client

from fastsmtp.config import config


def root_key() -> str:
    key = config().root_api_key
    assert key is not None
    return key.get_secret_value()


def call(method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
    """With the root key unless told otherwise; a body of bytes is sent as it is."""
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return Client(raise_request_exception=False).generic(
        method,
        f"/api/v1{path}",
        content,
        content_type="application/json",
        headers={"X-API-Key": root_key() if key is None else key},
    )


def get(path: str) -> Any:
    return call("GET", path)


def post(path: str, body: Any) -> Any:
    return call("POST", path, body)


def patch(path: str, body: Any) -> Any:
    return call("PATCH", path, body)


def delete(path: str) -> Any:
    return call("DELETE", path)


def errors(response: Any) -> dict[str, str]:
    """Pointer → code of a problem document."""
    assert response["Content-Type"] == "application/problem+json"
    return {error["pointer"]: error["code"] for error in response.json()["errors"]}
