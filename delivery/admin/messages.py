from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter
from unfold.decorators import display

from delivery.admin.readonly import RecordInline, SearchesTheNewest
from delivery.admin.status import status_label
from delivery.models import Delivery, Message
from delivery.states import shown_status

NO_SUBJECT = "(no subject)"
BYTES_GONE = "The bytes of this message have been deleted: their retention is over."
SOURCE_SHOWN = 64 * 1024  # bytes of a message shown on its page; the download has all


class DeliveriesInline(RecordInline):
    model = Delivery
    fields = ["address", "state", "attempts", "last_error", "delivered_at"]
    readonly_fields = ["address", "state"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("endpoint__lane")

    def address(self, delivery: Delivery) -> SafeString:
        page = reverse("admin:delivery_delivery_change", args=[delivery.pk])
        return format_html(
            '<a class="text-link" href="{}">{}</a>', page, delivery.recipient_address
        )

    @status_label
    def state(self, delivery: Delivery) -> str:
        return shown_status(delivery)


@admin.register(Message)
class MessageAdmin(SearchesTheNewest):
    list_display = ["received_at", "shown_subject", "from_address", "domain", "size"]
    list_display_links = ["received_at", "shown_subject"]
    list_filter = [("domain", AutocompleteSelectFilter), ("received_at", RangeDateTimeFilter)]
    list_select_related = ["domain"]
    search_fields = ["subject", "from_address", "mail_from", "internet_message_id"]
    message_id_lookup = "internet_message_id__whole"
    ordering = ["-id"]  # ids grow with time, and have an index
    inlines = [DeliveriesInline]
    fieldsets = [
        (None, {"fields": ["shown_subject", "from_address", "internet_message_id", "domain"]}),
        (
            "Envelope",
            {
                "fields": [
                    "mail_from",
                    "recipients",
                    "helo",
                    "client_ip",
                    "tls_version",
                    "tls_cipher",
                    "smtputf8",
                ]
            },
        ),
        (
            "Reception",
            {"fields": ["id", "received_at", "instance_id", "route_due_at", "route_tries"]},
        ),
        ("Source", {"fields": ["size", "download", "source"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["shown_subject", "recipients", "download", "source"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("domain")

    def get_urls(self) -> list[URLPattern]:
        download = path(
            "<uuid:message_id>/raw",
            self.admin_site.admin_view(self.download_raw),
            name="delivery_message_raw",
        )
        return [download, *super().get_urls()]

    def download_raw(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        """The bytes as received. As an attachment: a browser must never interpret them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = get_object_or_404(Message.objects.select_related("raw"), pk=message_id)
        content = message.raw.read() if message.raw else None
        if content is None:
            return HttpResponse(
                f"{BYTES_GONE}\n", status=HTTPStatus.GONE, content_type="text/plain"
            )
        return HttpResponse(
            content,
            content_type="message/rfc822",
            headers={"Content-Disposition": f'attachment; filename="{message_id}.eml"'},
        )

    @display(description="subject", ordering="subject")
    def shown_subject(self, message: Message) -> str:
        return message.subject or NO_SUBJECT

    @display(description="rcpt to")
    def recipients(self, message: Message) -> str:
        return ", ".join(address for address, _ in message.rcpt_to)

    def download(self, message: Message) -> SafeString | None:
        if message.raw_id is None:
            return None
        return format_html(
            '<a class="text-link" href="{}">{}.eml</a>',
            reverse("admin:delivery_message_raw", args=[message.pk]),
            message.pk,
        )

    def source(self, message: Message) -> SafeString | str:
        if message.raw is None:
            return BYTES_GONE
        text = bytes(message.raw.content[:SOURCE_SHOWN]).decode(errors="replace")
        rest = message.size - SOURCE_SHOWN
        more = f"\n… and {rest} bytes more" if rest > 0 else ""
        return format_html(
            '<pre class="font-mono text-xs overflow-auto whitespace-pre-wrap break-all" '
            'style="max-height: 30rem">{}{}</pre>',
            text,
            more,
        )
