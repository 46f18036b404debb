from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from accounts.models import Domain
from delivery.admin import selections
from delivery.admin.readonly import RecordAdmin
from delivery.models import Delivery, Endpoint, Recipient, Replay
from delivery.replay import replays
from delivery.replay.selection import SELECTABLE, UNDELIVERED, Selection
from fastsmtp.words import counted

_COLOURS = {
    Replay.State.COLLECTING: "info",
    Replay.State.RUNNING: "info",
    Replay.State.FINISHED: "success",
    Replay.State.CANCELLED: "warning",
}

# Of a selection, by their names there.
_FIELDS = {"status": "statuses", "recipient_id": "recipient", "endpoint_id": "endpoint"}


def _search(name: str) -> AutocompleteSelect:
    """There may be thousands: they are searched for, by what a delivery has of that name."""
    return AutocompleteSelect(Delivery._meta.get_field(name), admin.site)


class ReplayForm(forms.ModelForm):
    """Which deliveries to make again."""

    domain = forms.ModelChoiceField(Domain.objects, widget=_search("domain"))
    statuses = forms.MultipleChoiceField(
        choices=[(status, status) for status in SELECTABLE],
        initial=list(UNDELIVERED),
        widget=forms.CheckboxSelectMultiple,
    )
    since = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    until = forms.SplitDateTimeField(required=False, widget=UnfoldAdminSplitDateTimeWidget)
    recipient = forms.ModelChoiceField(
        Recipient.objects.select_related("domain"), required=False, widget=_search("recipient")
    )
    endpoint = forms.ModelChoiceField(Endpoint.objects, required=False, widget=_search("endpoint"))

    class Meta:
        model = Replay
        fields = ["domain", "reevaluate_rules"]
        help_texts = {
            "reevaluate_rules": "For every recipient of each message, as if it came now: with new "
            "ids, so receivers take it for new mail."
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        self.selection = Selection(
            statuses=tuple(given["statuses"]),
            since=given["since"],
            until=given["until"],
            recipient_id=given["recipient"] and given["recipient"].id,
            endpoint_id=given["endpoint"] and given["endpoint"].id,
        )
        again = given["reevaluate_rules"]
        try:
            replays.check(given["domain"].id, self.selection, reevaluate_rules=again)
        except replays.InvalidSelection as error:
            field = _FIELDS[error.part]
            raise forms.ValidationError({field: f"{error}.".capitalize()}) from None
        return given


@admin.register(Replay)
class ReplayAdmin(RecordAdmin):
    form = ReplayForm
    list_display = [
        "created_at",
        "domain",
        "shown_state",
        "all_matched",
        "queued",
        "not_replayable",
        "requested_by",
        "finished_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter), ("domain", AutocompleteSelectFilter)]
    list_select_related = ["domain"]
    ordering = ["-id"]
    actions = ["cancel"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def get_fields(self, request: HttpRequest, obj: Replay | None = None) -> list[str]:
        if obj is None:
            return [
                "domain",
                "statuses",
                "since",
                "until",
                "recipient",
                "endpoint",
                "reevaluate_rules",
            ]
        return [
            "domain",
            "shown_state",
            "reason",
            "requested_by",
            "chosen",
            "reevaluate_rules",
            "all_matched",
            "queued",
            "not_replayable",
            "progress",
            "created_at",
            "finished_at",
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Replay | None = None) -> list[str]:
        return [] if obj is None else ["shown_state", "chosen", "all_matched", "progress"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return selections.from_query(request.GET)

    def add_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """The button Count comes back to the same form, with what it found above it."""
        if "_count" in request.POST and self.has_add_permission(request):
            form = self.get_form(request)(request.POST)
            if form.is_valid():
                return self._count(request, form)
        return super().add_view(request, *args, **options)

    def _count(self, request: HttpRequest, form: Any) -> HttpResponse:
        given = form.cleaned_data
        again = given["reevaluate_rules"]
        found = replays.count(given["domain"].id, form.selection, reevaluate_rules=again)
        messages.info(request, found.sentence(reevaluate_rules=again))
        return redirect(f"{request.path}?{selections.as_query(given, form.selection)}")

    def save_model(self, request: HttpRequest, obj: Replay, form: Any, change: bool) -> None:
        started = replays.start(
            obj.domain_id,  # type: ignore[arg-type]
            form.selection,
            reevaluate_rules=obj.reevaluate_rules,
            requested_by=str(request.user),
        )
        obj.pk = started.pk

    @action(description="Cancel: queue nothing more")
    def cancel(self, request: HttpRequest, chosen: QuerySet[Replay]) -> None:
        count = replays.cancel_all(chosen, reason=f"cancelled by {request.user}")
        messages.info(request, f"{counted(count, 'replay was', 'replays were')} cancelled.")

    @display(description="state", label=_COLOURS, ordering="state")
    def shown_state(self, replay: Replay) -> str:
        return replay.state

    @display(description="matched", ordering="matched")
    def all_matched(self, replay: Replay) -> int | None:
        return replay.matched_in_all

    @display(description="filter")
    def chosen(self, replay: Replay) -> str:
        return selections.in_words(replay.filter)

    def progress(self, replay: Replay) -> str:
        found = replays.progress(replay)
        return f"{found.delivered} delivered, {found.failed} failed, {found.waiting} waiting"
