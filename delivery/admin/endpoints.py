from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, StackedInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from delivery.admin.readonly import NothingChanges
from delivery.models import Endpoint, Lane
from delivery.signing import read_key

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


class EndpointForm(forms.ModelForm):
    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = ()
        help_texts = {
            "mode": "What a call carries: JSON with the attachments in it, a form with files, the "
            "message itself, or a few facts and links.",
            "max_body_bytes": "A call that would be larger carries links instead of contents. "
            "Empty: no limit.",
            "timeout_seconds": "For a whole call. Empty: the server's default.",
            "concurrency": "Calls at once, of each worker process.",
        }


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    """Routing makes endpoints when it first meets their URL. The state is read-only."""

    form = EndpointForm
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
    readonly_fields = ["url", "domain", "signing_secret"]
    inlines = [LaneInline]
    fieldsets = [
        (None, {"fields": ["url", "domain", "mode", "signing_secret"]}),
        ("Limits", {"fields": ["concurrency", "timeout_seconds", "max_body_bytes"]}),
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        show_secret = path(
            "<uuid:endpoint_id>/secret",
            self.admin_site.admin_view(self.show_secret),
            name="delivery_endpoint_secret",
        )
        return [show_secret, *super().get_urls()]

    def show_secret(self, request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
        """The key as text as well: n8n and others take no secret of Standard Webhooks."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        secret = get_object_or_404(Endpoint, pk=endpoint_id).secret
        return HttpResponse(
            f"secret       {secret}\nkey as text  {read_key(secret).decode()}\n",
            content_type="text/plain",
        )

    def signing_secret(self, endpoint: Endpoint) -> SafeString:
        """Behind a link: a page that is open all day shows no secret."""
        link = reverse("admin:delivery_endpoint_secret", args=[endpoint.pk])
        return format_html('<a class="text-link" href="{}">show</a>', link)

    @display(label=STATE_COLOURS, ordering="lane__state")
    def state(self, endpoint: Endpoint) -> str:
        return endpoint.lane.state

    @display(description="failures in a row", ordering="lane__consecutive_failures")
    def failures(self, endpoint: Endpoint) -> int:
        return endpoint.lane.consecutive_failures

    @display(ordering="lane__last_success_at")
    def last_success(self, endpoint: Endpoint) -> datetime | None:
        return endpoint.lane.last_success_at
