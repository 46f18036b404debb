from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest


class DeletesThroughQueue:
    """For what open deliveries hang on: deleting it cancels them."""

    opts: Any
    delete_record: Callable[[Any], int]

    def get_deleted_objects(
        self, objs: Iterable[Any], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        # Django would list every dependent row, and ask for the right to delete each kind.
        names = [str(obj) for obj in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._delete([obj], request)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Any]) -> None:
        self._delete(queryset, request)

    def _delete(self, records: Iterable[Any], request: HttpRequest) -> None:
        cancelled = sum(self.delete_record(record) for record in records)
        if cancelled:
            messages.warning(request, f"{cancelled} open deliveries were cancelled.")
