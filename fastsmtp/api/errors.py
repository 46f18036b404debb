"""Every error of the API is a problem document (RFC 9457)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotFound,
    ValidationError,
)
from rest_framework.exceptions import PermissionDenied as NotPermitted
from rest_framework.response import Response
from rest_framework.views import set_rollback

PROBLEM = "application/problem+json"
# Codes with which Django says that another row has the value already.
DUPLICATE_CODES = frozenset({"unique", "unique_together"})


class Conflict(APIException):
    status_code = HTTPStatus.CONFLICT
    default_detail = "Another change came first; look again and repeat yours."
    default_code = "conflict"


def problem(status: int, detail: str, **members: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **members,
    }


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. An error that is ours goes on, to become a 500."""
    if isinstance(error, Http404):
        error = NotFound()
    elif isinstance(error, PermissionDenied):
        error = NotPermitted()
    if not isinstance(error, APIException):
        return None
    set_rollback()
    body = _refusal(error) if isinstance(error, ValidationError) else _plain(error)
    return Response(body, status=body["status"], headers=_headers(error), content_type=PROBLEM)


def _plain(error: APIException) -> dict[str, Any]:
    return problem(error.status_code, str(error.detail))


def _refusal(error: ValidationError) -> dict[str, Any]:
    errors: list[dict[str, Any]] = [
        {"pointer": pointer, "code": item.code, "detail": _sentence(str(item))}
        for pointer, item in _flatten(error.detail, "")
    ]
    if all(item["code"] in DUPLICATE_CODES for item in errors):
        return problem(HTTPStatus.CONFLICT, errors[0]["detail"], errors=errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not validate.", errors=errors)


def _flatten(detail: Any, pointer: str) -> Iterator[tuple[str, ErrorDetail]]:
    """Each error with its JSON pointer (RFC 6901); one of the whole document has an empty one."""
    if isinstance(detail, ErrorDetail):
        yield pointer, detail
    elif isinstance(detail, list):
        for item in detail:
            yield from _flatten(item, pointer)
    else:
        for name, inner in detail.items():
            is_whole = name in ("non_field_errors", "__all__")
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            yield from _flatten(inner, pointer if is_whole else f"{pointer}/{escaped}")


def _sentence(text: str) -> str:
    if "@" not in text.partition(" ")[0]:  # an address stays as it is
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _headers(error: APIException) -> dict[str, str]:
    challenge = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": challenge} if challenge else {}


def _answer(request: HttpRequest, status: HTTPStatus, detail: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return HttpResponse(
            orjson.dumps(problem(status, detail)), status=status, content_type=PROBLEM
        )
    return HttpResponse(f"{status} {detail}\n", status=status, content_type="text/plain")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.BAD_REQUEST, "The request cannot be understood.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; it is in our log."
    )
