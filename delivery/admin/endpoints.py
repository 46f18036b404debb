from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from delivery.admin.buttons import button
from delivery.admin.readonly import NothingChanges
from delivery.admin.secrets import SigningSecretPages
from delivery.lanes import switch
from delivery.models import Endpoint, Lane
from fastsmtp.words import counted

STATE_COLOURS = {
    Lane.State.ACTIVE: "success",
    Lane.State.PAUSED: "warning",
    Lane.State.PROBING: "info",
    Lane.State.DISABLED: "danger",
}


def _endpoints_are(count: int) -> str:
    return counted(count, "endpoint is", "endpoints are")


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


class EndpointForm(forms.ModelForm):
    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = ()
        help_texts = {
            "mode": "What a call carries: JSON with the attachments in it, a form with files, the "
            "message itself, or a few facts and links.",
            "max_body_bytes": "A call that would be larger carries links instead of contents, "
            "and then less text. At least 4096 bytes. Empty: no limit.",
            "timeout_seconds": "For a whole call. Empty: the server's default.",
            "concurrency": "Calls at once, of each worker process.",
        }


@admin.register(Endpoint)
class EndpointAdmin(SigningSecretPages):
    """Routing makes endpoints when it first meets their URL. The state is read-only."""

    form = EndpointForm
    list_display = [
        "url",
        "domain",
        "state",
        "reason",
        "paused_until",
        "failures",
        "last_success",
    ]
    list_filter = [("lane__state", ChoicesDropdownFilter), ("domain", AutocompleteSelectFilter)]
    list_filter_submit = True
    list_select_related = ["domain", "lane"]
    search_fields = ["url", "domain__domain_name"]
    show_full_result_count = False
    readonly_fields = ["url", "domain", "signing_secret"]
    inlines = [LaneInline]
    actions = ["enable", "disable"]
    actions_detail = ["enable_this", "disable_this", *SigningSecretPages.actions_detail]
    enable_this = button(
        "enable", label="Enable", explanation="It is tried now, and gets what is held if it works."
    )
    disable_this = button(
        "disable", label="Disable", explanation="Nothing more is sent there; its mail is held."
    )
    fieldsets = [
        (None, {"fields": ["url", "domain", "mode", "signing_secret"]}),
        ("Limits", {"fields": ["concurrency", "timeout_seconds", "max_body_bytes"]}),
    ]

    @action(description="Enable: try it now, and deliver what is held")
    def enable(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> None:
        for endpoint in chosen:
            switch.enable(endpoint.id, by=str(request.user))
        messages.info(request, f"{_endpoints_are(len(chosen))} being probed or at work.")

    @action(description="Disable: hold what comes")
    def disable(self, request: HttpRequest, chosen: QuerySet[Endpoint]) -> None:
        for endpoint in chosen:
            switch.disable(endpoint.id, by=str(request.user))
        messages.info(request, f"{_endpoints_are(len(chosen))} disabled; mail is held.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        # Only what was changed here: the secret may be rotated at the same moment.
        obj.save(update_fields=[*form.changed_data, "updated_at"])

    @display(label=STATE_COLOURS, ordering="lane__state")
    def state(self, endpoint: Endpoint) -> str:
        return endpoint.lane.state

    @display(ordering="lane__disabled_reason")
    def reason(self, endpoint: Endpoint) -> str:
        return endpoint.lane.disabled_reason

    @display(ordering="lane__paused_until")
    def paused_until(self, endpoint: Endpoint) -> datetime | None:
        return endpoint.lane.paused_until

    @display(description="failures in a row", ordering="lane__consecutive_failures")
    def failures(self, endpoint: Endpoint) -> int:
        return endpoint.lane.consecutive_failures

    @display(ordering="lane__last_success_at")
    def last_success(self, endpoint: Endpoint) -> datetime | None:
        return endpoint.lane.last_success_at
