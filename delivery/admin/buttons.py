"""Buttons on a record's own page."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action
from unfold.forms import BaseDialogForm


def button(name: str, *, label: str, explanation: str) -> Callable[..., HttpResponse]:
    """Does to this one record what the action `name` of the list does, once it is confirmed."""

    def press(
        self: Any, request: HttpRequest, form: BaseDialogForm, object_id: str
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        getattr(self, name)(request, self.get_queryset(request).filter(pk=record.pk))
        opts = record._meta
        page = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[record.pk])
        return leave_dialog(request, page)

    press.__name__ = f"{name}_this"
    pressed: Callable[..., HttpResponse] = action(
        description=label,
        url_path=name,
        dialog={
            "title": f"{label}?",
            "description": explanation,
            "form_submit_text": label,
        },
    )(press)
    return pressed


def leave_dialog(request: HttpRequest, page: str) -> HttpResponse:
    if "HX-Request" in request.headers:  # the dialog is filled by a script
        return HttpResponse(headers={"HX-Redirect": page})
    return redirect(page)
