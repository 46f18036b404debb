"""What a link of `delivery.bodies.links` leads to. Nothing here is ever shown by a browser as a
page of ours: it is somebody's mail."""

from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from delivery.bodies.content import read_mail
from delivery.bodies.links import RAW, LinkExpired, LinkForged, check_link
from delivery.models import Delivery


@require_safe
def download(request: HttpRequest, delivery_id: UUID, part: str) -> HttpResponse:
    """403 for a link that is not ours, 410 for an old one, or when the bytes are
    deleted."""
    try:
        check_link(
            delivery_id,
            part,
            expires=request.GET.get("expires", ""),
            signature=request.GET.get("signature", ""),
        )
    except LinkForged:
        return _refuse(HTTPStatus.FORBIDDEN, "This link is not valid.")
    except LinkExpired:
        return _refuse(HTTPStatus.GONE, "This link has expired.")
    raw = _read_raw(delivery_id)
    if raw is None:
        return _refuse(HTTPStatus.GONE, "This message has been deleted: its retention is over.")
    if part == RAW:
        return _serve(raw, content_type="message/rfc822", filename=f"{delivery_id}.eml")
    for attachment in read_mail(raw, "").attachments:  # as the payload counts them
        if str(attachment.index) == part:
            return _serve(
                attachment.content,
                content_type=attachment.content_type,
                filename=attachment.filename,
            )
    raise Http404


def _read_raw(delivery_id: UUID) -> bytes | None:
    found = Delivery.objects.select_related("message__raw").filter(id=delivery_id).first()
    if found is None or found.message.raw is None:
        return None
    return found.message.raw.read()


def _serve(content: bytes, *, content_type: str, filename: str) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=filename
            ),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
        },
    )


def _refuse(status: HTTPStatus, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain")
