from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator


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


class RecordInline(NothingChanges, TabularInline):
    extra = 0
    tab = False
    show_title = False
