from typing import Any

from django.contrib import messages
from django.http import HttpRequest


class ShowsWarnings:
    """Tells what `full_clean` accepted, but somebody should know."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        for warning in obj.warnings:
            messages.warning(request, f"{warning}.")
