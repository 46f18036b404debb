from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import action, display

from delivery import states
from delivery.admin.buttons import button
from delivery.admin.messages import NO_SUBJECT
from delivery.admin.readonly import RecordInline, SearchesTheNewest
from delivery.admin.status import status_label
from delivery.by_hand import discarding, interventions
from delivery.courier.problem import problem_of
from delivery.models import Attempt, Delivery
from delivery.states import shown_status
from fastsmtp.words import counted

NO_PROBLEM = "–"
MOST = 10_000  # deliveries of one action


def _ids(request: HttpRequest, chosen: QuerySet[Delivery]) -> list[UUID]:
    """None of them, and an error, when they are more than somebody can wait for."""
    ids = list(chosen.values_list("id", flat=True)[: MOST + 1])
    if len(ids) > MOST:
        messages.error(request, f"Choose {MOST:,} at most; a replay makes more deliveries again.")
        return []
    return ids


def _deliveries_were(count: int) -> str:
    return counted(count, "delivery was", "deliveries were")


class StatusFilter(DropdownFilter):
    title = "status"
    parameter_name = "status__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Delivery.Status.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        value = self.value()
        if value not in Delivery.Status.values:
            return queryset
        return queryset.filter(states.having(value))


class DerivedStateFilter(DropdownFilter):
    title = "held or sending"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(states.HELD, states.HELD), (states.SENDING, states.SENDING)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        value = self.value()
        return queryset.filter(states.having(value)) if value else queryset


class AttemptsInline(RecordInline):
    model = Attempt
    fields = [
        "number",
        "started_at",
        "outcome",
        "status_code",
        "problem",
        "duration_ms",
        "error",
        "response_excerpt",
        "resolved_ip",
    ]
    readonly_fields = ["problem"]
    ordering = ["number"]

    @display(description="to be mended")
    def problem(self, attempt: Attempt) -> str:
        return problem_of(attempt.status_code) or NO_PROBLEM


@admin.register(Delivery)
class DeliveryAdmin(SearchesTheNewest):
    list_display = [
        "created_at",
        "recipient_address",
        "domain",
        "subject",
        "state",
        "reason",
        "attempts",
        "last_error",
        "due_at",
    ]
    list_display_links = ["created_at", "recipient_address"]
    list_filter = [
        StatusFilter,
        DerivedStateFilter,
        ("domain", AutocompleteSelectFilter),
        ("endpoint", AutocompleteSelectFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    search_fields = ["recipient_address", "message__internet_message_id", "message__subject"]
    message_id_lookup = "message__internet_message_id__whole"
    ordering = ["-id"]  # ids grow with time, and have an index
    inlines = [AttemptsInline]
    actions = ["retry", "release", "discard"]
    actions_detail = ["retry_this", "release_this", "discard_this"]
    retry_this = button(
        "retry",
        label="Retry",
        explanation="It is due now, with a fresh set of tries; one that ended goes once more.",
    )
    release_this = button(
        "release", label="Release", explanation="If it is quarantined, it is delivered now."
    )
    discard_this = button(
        "discard",
        label="Discard",
        explanation="If it is quarantined or held, nothing more is done for it.",
    )
    fieldsets = [
        (None, {"fields": ["recipient_address", "subject", "state", "reason"]}),
        (
            "Progress",
            {
                "fields": [
                    "attempts",
                    "replays",
                    "due_at",
                    "claimed_until",
                    "delivered_at",
                    "last_status_code",
                    "problem",
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

    @action(description="Retry now, or deliver once more")
    def retry(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        again = interventions.retry(_ids(request, chosen), by=str(request.user))
        messages.info(request, f"{_deliveries_were(len(again.done))} queued.")
        for reason, count in Counter(again.refused.values()).items():
            messages.warning(request, f"{count} not: {reason}")

    @action(description="Release what is quarantined")
    def release(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = interventions.release(_ids(request, chosen), by=str(request.user))
        messages.info(request, f"{_deliveries_were(count)} released.")

    @action(description="Discard what is quarantined or held")
    def discard(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        count = discarding.discard(_ids(request, chosen), by=str(request.user))
        messages.info(request, f"{_deliveries_were(count)} discarded.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["state", "subject", "problem"]

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

    @display(description="to be mended")
    def problem(self, delivery: Delivery) -> str:
        return problem_of(delivery.last_status_code) or NO_PROBLEM
