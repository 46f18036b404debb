"""The pages of an endpoint's signing secret: one shows it, one makes a new one."""

from datetime import timedelta
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from delivery.admin.buttons import leave_dialog
from delivery.bodies.signing import key_as_text
from delivery.by_hand.rotation import DEFAULT_GRACE, rotate_secret
from delivery.models import Endpoint
from delivery.models.endpoint import LOST_SECRET
from fastsmtp.orm import UNREADABLE

_GRACES = {
    timedelta(0): "not at all",
    timedelta(hours=1): "for an hour",
    DEFAULT_GRACE: "for 24 hours",
    timedelta(days=7): "for 7 days",
}


class RotationForm(BaseDialogForm):
    grace = forms.TypedChoiceField(
        label="The old secret signs as well",
        choices=[(int(grace.total_seconds()), label) for grace, label in _GRACES.items()],
        initial=int(DEFAULT_GRACE.total_seconds()),
        coerce=lambda seconds: timedelta(seconds=int(seconds)),
        widget=UnfoldAdminSelectWidget,
        help_text="So your receiver has time to take over the new one.",
    )


class SigningSecretPages(ModelAdmin):
    """Behind a link: a page that is open all day shows no secret."""

    actions_detail = ["rotate_secret"]

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
        endpoint = get_object_or_404(Endpoint, pk=endpoint_id)
        return HttpResponse(_describe_secret(endpoint), content_type="text/plain")

    def signing_secret(self, endpoint: Endpoint) -> SafeString:
        return format_html('<a class="text-link" href="{}">show</a>', _secret_page(endpoint.pk))

    @action(
        description="Rotate the signing secret",
        url_path="rotate-secret",
        permissions=["change"],
        dialog={
            "title": "Rotate the signing secret?",
            "description": "From the next call on, a new secret signs. You see it when it is made, "
            "and later on its page.",
            "form_class": RotationForm,
            "form_submit_text": "Make a new secret",
        },
    )
    def rotate_secret(
        self, request: HttpRequest, form: RotationForm, object_id: str
    ) -> HttpResponse:
        endpoint = self.get_object(request, object_id)
        if endpoint is None:
            raise Http404
        endpoint = rotate_secret(endpoint, grace=form.cleaned_data["grace"], by=str(request.user))
        self.log_change(request, endpoint, "Rotated the signing secret.")
        return leave_dialog(request, _secret_page(endpoint.pk))


def _secret_page(endpoint_id: UUID) -> str:
    return reverse("admin:delivery_endpoint_secret", args=[endpoint_id])


def _describe_secret(endpoint: Endpoint) -> str:
    if endpoint.secret is UNREADABLE:
        return f"{LOST_SECRET}\n"
    lines = [f"secret       {endpoint.secret}", f"key as text  {key_as_text(endpoint.secret)}"]
    if endpoint.previous_secret_expires_at is not None:
        until = endpoint.previous_secret_expires_at.isoformat(" ", "seconds")
        lines.append(f"the secret before it signs as well until {until}")
    return "\n".join([*lines, ""])
