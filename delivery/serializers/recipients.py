from functools import cached_property
from typing import Any
from uuid import UUID

from rest_framework import serializers

from delivery.by_hand.relocation import save_recipient
from delivery.models import Recipient
from delivery.models.endpoint import hash_url
from delivery.models.recipient import CATCH_ALL, LOST_HEADERS
from fastsmtp.api.serializers import CleanSerializer
from fastsmtp.masking import mask_values, unmask_values


class LocalPartField(serializers.CharField):
    """The catch-all is null in an answer; null, "" and "*" in a request."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return CATCH_ALL if data is None else super().run_validation(data)

    def to_representation(self, value: str) -> Any:
        return value or None


class MaskedHeadersField(serializers.DictField):
    """Names are shown, values are not; a mask that comes back keeps the stored value."""

    child = serializers.CharField(trim_whitespace=False)

    def get_attribute(self, instance: Recipient) -> dict[str, str]:
        return instance.known_headers

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return mask_values(value)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        headers = super().to_internal_value(data)
        recipient = self.parent.instance
        try:
            return unmask_values(headers, stored=recipient.known_headers if recipient else {})
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid_header") from None


class RecipientSerializer(CleanSerializer):
    """Context: the `domain`."""

    local_part = LocalPartField(required=False, allow_blank=True, allow_null=True)
    webhook_headers = MaskedHeadersField(required=False)
    endpoint_id = serializers.SerializerMethodField()

    class Meta:
        model = Recipient
        fields = [
            "id",
            "domain_id",
            "local_part",
            "webhook_url",
            "webhook_headers",
            "is_enabled",
            "endpoint_id",
            "created_at",
            "updated_at",
        ]

    def new_record(self) -> Recipient:
        return Recipient(domain=self.context["domain"])

    def write(self) -> None:
        save_recipient(self.record)

    def to_representation(self, recipient: Recipient) -> dict[str, Any]:
        shown = super().to_representation(recipient)
        if recipient.has_lost_headers:
            shown["warnings"] = [*recipient.warnings, LOST_HEADERS]
        return shown

    def get_endpoint_id(self, recipient: Recipient) -> UUID | None:
        return self._endpoint_ids.get(recipient.webhook_url)

    @cached_property
    def _endpoint_ids(self) -> dict[str, UUID]:
        """By URL, of all that is shown: a page of a list, or one recipient."""
        shown: Any = self.parent.instance if self.parent else [self.instance]
        hashes = [hash_url(recipient.webhook_url) for recipient in shown]
        endpoints = self.context["domain"].endpoints.filter(url_hash__in=hashes)
        return dict(endpoints.values_list("url", "id"))
