"""Request bodies."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

import orjson
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

MAX_BODY_SIZE = 1024 * 1024  # bytes; the largest honest body is a rule set


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class JSONParser(BaseParser):
    """Strict JSON (RFC 8259): bounded in size and depth, no NaN, no lone surrogates."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BODY_SIZE + 1)
        if len(body) > MAX_BODY_SIZE:
            raise TooLarge
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
