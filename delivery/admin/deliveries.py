from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import action, display

from delivery import queue
from delivery.admin.messages import NO_SUBJECT
from delivery.admin.readonly import RecordAdmin, RecordInline
from delivery.admin.status import shown_status, status_label
from delivery.models import Attempt, Delivery


class AttemptsInline(RecordInline):
    model = Attempt
    fields = [
        "number",
        "started_at",
        "outcome",
        "status_code",
        "duration_ms",
        "error",
        "response_excerpt",
        "resolved_ip",
    ]
    ordering = ["number"]


@admin.register(Delivery)
class DeliveryAdmin(RecordAdmin):
    list_display = [
        "created_at",
        "recipient_address",
        "subject",
        "state",
        "attempts",
        "last_error",
        "due_at",
    ]
    list_display_links = ["created_at", "recipient_address"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("domain", AutocompleteSelectFilter),
        ("endpoint", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["recipient_address", "message__internet_message_id", "message__subject"]
    ordering = ["-id"]  # ids grow with time, and have an index
    inlines = [AttemptsInline]
    actions = ["release", "discard"]
    fieldsets = [
        (None, {"fields": ["recipient_address", "subject", "state", "reason"]}),
        (
            "Progress",
            {
                "fields": [
                    "attempts",
                    "due_at",
                    "claimed_until",
                    "delivered_at",
                    "last_status_code",
                    "last_error",
                    "instance_id",
                ]
            },
        ),
        (
            "Belongs to",
            {"fields": ["id", "message", "domain", "recipient", "endpoint", "webhook_url"]},
        ),
        ("Verdict", {"fields": ["generation", "tags", "preserve_raw"]}),
    ]

    @action(description="Release what is quarantined")
    def release(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = queue.release(list(chosen.values_list("id", flat=True)))
        messages.info(request, f"{count} deliveries were released.")

    @action(description="Discard what is quarantined or held")
    def discard(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = queue.discard(list(chosen.values_list("id", flat=True)))
        messages.info(request, f"{count} deliveries were discarded.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["state", "subject"]

    def get_queryset(self, request: HttpRequest) -> Any:
        # References may dangle; selected in the same query, a missing row is None.
        related = ["message", "domain", "recipient__domain", "endpoint__lane"]
        return super().get_queryset(request).select_related(*related)

    @status_label
    def state(self, delivery: Delivery) -> str:
        return shown_status(delivery)

    @display(ordering="message__subject")
    def subject(self, delivery: Delivery) -> str:
        return delivery.message.subject or NO_SUBJECT
