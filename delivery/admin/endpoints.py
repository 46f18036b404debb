from datetime import datetime

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, StackedInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from delivery.admin.readonly import NothingChanges
from delivery.models import Endpoint, Lane

STATE_COLOURS = {
    Lane.State.ACTIVE: "success",
    Lane.State.PAUSED: "warning",
    Lane.State.PROBING: "info",
    Lane.State.DISABLED: "danger",
}


class LaneInline(NothingChanges, StackedInline):
    model = Lane
    tab = False
    show_title = False
    fields = [
        "state",
        "disabled_reason",
        "consecutive_failures",
        "failing_since",
        "paused_until",
        "due_at",
        "last_success_at",
        "last_failure_at",
    ]


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    """Routing makes endpoints when it first meets their URL. The state is read-only."""

    list_display = [
        "url",
        "domain",
        "state",
        "failures",
        "last_success",
    ]
    list_filter = [("lane__state", ChoicesDropdownFilter), ("domain", AutocompleteSelectFilter)]
    list_filter_submit = True
    list_select_related = ["domain", "lane"]
    search_fields = ["url", "domain__domain_name"]
    show_full_result_count = False
    readonly_fields = ["url", "domain", "mode"]
    inlines = [LaneInline]
    fieldsets = [
        (None, {"fields": ["url", "domain", "mode"]}),
        ("Limits", {"fields": ["concurrency", "timeout_seconds", "max_body_bytes"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return False

    @display(label=STATE_COLOURS, ordering="lane__state")
    def state(self, endpoint: Endpoint) -> str:
        return endpoint.lane.state

    @display(description="failures in a row", ordering="lane__consecutive_failures")
    def failures(self, endpoint: Endpoint) -> int:
        return endpoint.lane.consecutive_failures

    @display(ordering="lane__last_success_at")
    def last_success(self, endpoint: Endpoint) -> datetime | None:
        return endpoint.lane.last_success_at
