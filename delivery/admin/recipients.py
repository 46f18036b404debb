from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, BooleanRadioFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from delivery.admin.deletion import DeletesThroughQueue
from delivery.admin.warnings import ShowsWarnings
from delivery.by_hand.deletion import delete_recipient
from delivery.by_hand.relocation import save_recipient
from delivery.models import Recipient
from delivery.models.recipient import LOST_HEADERS
from fastsmtp.masking import MASK, mask_values, unmask_values


class RecipientForm(forms.ModelForm):
    webhook_headers = forms.JSONField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=f'Sent with every call, for example {{"Authorization": "Bearer …"}}. Values are '
        f"stored encrypted and shown as {MASK}; left like that, a value stays as it is.",
    )

    class Meta:
        model = Recipient
        fields = "__all__"
        widgets = {"webhook_url": UnfoldAdminTextInputWidget}
        help_texts = {
            "local_part": "The part before the @. Empty or * is the catch-all: it gets the mail "
            "for every address of the domain that has no recipient of its own.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["webhook_headers"] = mask_values(self.instance.known_headers)
        if self.instance.has_lost_headers:
            self.fields["webhook_headers"].help_text = LOST_HEADERS

    def _get_validation_exclusions(self) -> set[str]:
        """The domain of one that exists is not in the form, and its addresses are unique still."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"domain"}

    def clean_webhook_headers(self) -> Any:
        headers = self.cleaned_data["webhook_headers"] or {}
        if not isinstance(headers, dict):
            return headers  # the model has the words for it
        try:
            return unmask_values(headers, stored=self.instance.known_headers)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


@admin.register(Recipient)
class RecipientAdmin(DeletesThroughQueue, ShowsWarnings, ModelAdmin):
    form = RecipientForm
    fields = ["domain", "local_part", "webhook_url", "webhook_headers", "is_enabled"]
    list_display = ["recipient_address", "webhook_url", "is_enabled", "created_at"]
    list_filter = [("domain", AutocompleteSelectFilter), ("is_enabled", BooleanRadioFilter)]
    list_filter_submit = True
    list_select_related = ["domain"]
    search_fields = ["local_part", "domain__domain_name", "webhook_url"]
    show_full_result_count = False
    autocomplete_fields = ["domain"]
    delete_record = staticmethod(delete_recipient)

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[str]:
        return [] if obj is None else ["domain"]

    def save_model(self, request: HttpRequest, obj: Recipient, form: Any, change: bool) -> None:
        save_recipient(obj)  # what waits follows a new URL; the next line has nothing to change
        super().save_model(request, obj, form, change)

    @display(description="address", ordering="local_part")
    def recipient_address(self, recipient: Recipient) -> str:
        return recipient.address
