from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display

from accounts.models import Domain, Membership
from delivery.admin.deletion import DeletesThroughQueue
from delivery.admin.warnings import ShowsWarnings
from delivery.by_hand.deletion import delete_domain


class MembersInline(TabularInline):
    model = Membership
    fields = ["user", "role"]
    autocomplete_fields = ["user"]
    verbose_name_plural = "members; owners get mail when something is wrong"
    extra = 0
    tab = False
    show_title = False


@admin.register(Domain)
class DomainAdmin(DeletesThroughQueue, ShowsWarnings, ModelAdmin):
    list_display = ["domain_name", "is_enabled", "recipient_count", "created_at"]
    list_filter = [("is_enabled", BooleanRadioFilter)]
    search_fields = ["domain_name"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["domain_name", "is_enabled"]}),
        (
            "Policies",
            {
                "fields": [
                    "verify_dkim",
                    "verify_spf",
                    "reject_dkim_fail",
                    "reject_spf_fail",
                    "preserve_raw_message",
                ],
                "description": "What is unknown here follows the server's settings.",
            },
        ),
    ]
    inlines = [MembersInline]
    delete_record = staticmethod(delete_domain)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        return super().get_queryset(request).annotate(recipient_count=Count("recipients"))

    def get_readonly_fields(self, request: HttpRequest, obj: Domain | None = None) -> list[str]:
        return [] if obj is None else ["domain_name"]

    @display(description="recipients", ordering="recipient_count")
    def recipient_count(self, domain: Any) -> int:
        return domain.recipient_count
