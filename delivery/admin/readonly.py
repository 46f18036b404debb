from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

SEARCHED = 5_000  # rows that a search reads; no index knows what is in the middle of a text


class NothingChanges:
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordAdmin(NothingChanges, ModelAdmin):
    """Mail is looked at, never edited. Its tables are large, so nothing here counts them."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True


class SearchesTheNewest(RecordAdmin):
    """Mail is searched among the newest rows that the filters leave, and by its whole Message-ID
    among all. Ids grow with time."""

    message_id_lookup: str
    search_help_text = (
        f"Among the newest {SEARCHED:,} that the filters leave; a whole Message-ID among all."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        known = queryset.filter(**{self.message_id_lookup: term})
        if known.exists():
            return known, False
        ids = queryset.order_by("-pk").values_list("pk", flat=True)
        last = ids[SEARCHED : SEARCHED + 1].first()
        newest = queryset if last is None else queryset.filter(pk__gt=last)
        return super().get_search_results(request, newest, term)


class RecordInline(NothingChanges, TabularInline):
    extra = 0
    tab = False
    show_title = False
