"""Lists are bare arrays; where there is more, a `Link` header leads to it (RFC 8288)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as InvalidValue
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination, Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from fastsmtp import keyset

MAX_LIMIT = 500
MAX_OFFSET = 10_000
MAX_DIGITS = 9


class ArrayPagination(CursorPagination):
    """`?limit=` and `?cursor=`; a subclass names the columns that order the list, unique together.
    Rows that the first of them does not tell apart are counted from the first of them on."""

    page_size = MAX_LIMIT
    offset_cutoff = 1_000_000  # beyond so many of those rows the list would begin to repeat itself

    def get_page_size(self, request: Request) -> int:
        return _read_number(request, "limit", self.page_size, least=1, most=MAX_LIMIT)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise _invalid_cursor() from None
        if cursor is not None and "\0" in str(cursor.position):
            raise _invalid_cursor()
        return cursor

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, InvalidValue):  # a position that its column cannot hold
            raise _invalid_cursor() from None

    def get_paginated_response(self, data: Any) -> Response:
        return _respond(data, self.get_next_link())


class LogPagination(BasePagination):
    """The same for tables that grow for ever, newest first: a page costs the same wherever it is.
    `?offset=` is for old clients, and bounded: it reads all that it skips."""

    page_size = 50
    _next_link: str | None = None

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        limit = _read_number(request, "limit", self.page_size, least=1, most=MAX_LIMIT)
        offset = _read_number(request, "offset", 0, least=0, most=MAX_OFFSET)
        cursor = request.query_params.get("cursor")
        rows = queryset.order_by(*keyset.NEWEST_FIRST)
        if cursor is not None:
            rows = rows.filter(keyset.before(_read_cursor(cursor)))
        found = list(rows[offset : offset + limit + 1])
        if len(found) > limit:
            url = remove_query_param(request.build_absolute_uri(), "offset")
            self._next_link = replace_query_param(url, "cursor", _write_cursor(found[limit - 1]))
        return found[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return _respond(data, self._next_link)


def _respond(data: Any, next_link: str | None) -> Response:
    return Response(data, headers={"Link": f'<{next_link}>; rel="next"'} if next_link else None)


def _read_number(request: Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    if not (is_number and least <= int(text) <= most):
        raise ValidationError(
            {name: f"must be a number from {least} to {most}"}, code=f"invalid_{name}"
        )
    return int(text)


def _write_cursor(row: Any) -> str:
    return urlsafe_b64encode(f"{row.created_at.isoformat()} {row.pk}".encode()).decode()


def _read_cursor(text: str) -> keyset.Position:
    try:
        at, id = urlsafe_b64decode(text).decode().split(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError
        return moment, UUID(id)
    except ValueError:
        raise _invalid_cursor() from None


def _invalid_cursor() -> ValidationError:
    return ValidationError({"cursor": "is not one that we gave"}, code="invalid_cursor")
