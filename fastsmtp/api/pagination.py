"""Lists are bare arrays; where there is more, a `Link` header leads to it (RFC 8288)."""

from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

MAX_LIMIT = 500


class ArrayPagination(CursorPagination):
    """`?limit=` and `?cursor=`; a subclass names the unique column that orders the list."""

    page_size = MAX_LIMIT

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit")
        if text is None:
            return self.page_size
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_LIMIT):
            raise ValidationError(
                {"limit": f"must be a number from 1 to {MAX_LIMIT}"}, code="invalid_limit"
            )
        return int(text)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise _invalid_cursor() from None
        if cursor is not None and "\0" in str(cursor.position):
            raise _invalid_cursor()
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        next_link = self.get_next_link()
        return Response(data, headers={"Link": f'<{next_link}>; rel="next"'} if next_link else None)


def _invalid_cursor() -> ValidationError:
    return ValidationError({"cursor": "is not one that we gave"}, code="invalid_cursor")
