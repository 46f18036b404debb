import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from delivery.admin.readonly import RecordAdmin, RecordInline
from delivery.models import EventSending, OperationalEvent


class SendingsInline(RecordInline):
    model = EventSending
    fields = ["channel", "address", "tries", "due_at", "sent_at", "last_error"]


@admin.register(OperationalEvent)
class EventAdmin(RecordAdmin):
    """What people were told; also where nobody is told but the log."""

    list_display = ["created_at", "type", "domain", "summary"]
    list_filter = [
        ("type", ChoicesDropdownFilter),
        ("domain", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_select_related = ["domain"]
    ordering = ["-id"]  # ids grow with time, and have an index
    inlines = [SendingsInline]
    fields = ["created_at", "type", "domain", "summary", "content"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["summary", "content"]

    def get_queryset(self, request: HttpRequest) -> Any:
        # The domain may be gone; selected in the same query, a missing row is None.
        return super().get_queryset(request).select_related("domain")

    @display(description="what happened")
    def summary(self, event: OperationalEvent) -> str:
        return str(event)

    def content(self, event: OperationalEvent) -> SafeString:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return format_html('<pre class="font-mono text-xs overflow-auto">{}</pre>', text)
