from typing import Any

from rest_framework import serializers

from delivery.models import Endpoint
from fastsmtp.api.serializers import CleanSerializer


class EndpointSerializer(CleanSerializer):
    """Configuration, which can be changed, and how its lane is doing. Expects `lane`."""

    domain_id = serializers.UUIDField(read_only=True)
    url = serializers.CharField(read_only=True)
    status = serializers.CharField(source="lane.state", read_only=True)
    disabled_reason = serializers.CharField(source="lane.disabled_reason", read_only=True)
    consecutive_failures = serializers.IntegerField(
        source="lane.consecutive_failures", read_only=True
    )
    last_success_at = serializers.DateTimeField(source="lane.last_success_at", read_only=True)
    last_failure_at = serializers.DateTimeField(source="lane.last_failure_at", read_only=True)
    paused_until = serializers.DateTimeField(source="lane.paused_until", read_only=True)

    class Meta:
        model = Endpoint
        fields = [
            "id",
            "domain_id",
            "url",
            "mode",
            "max_body_bytes",
            "timeout_seconds",
            "concurrency",
            "status",
            "disabled_reason",
            "consecutive_failures",
            "last_success_at",
            "last_failure_at",
            "paused_until",
            "created_at",
            "updated_at",
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        assert self.instance is not None  # nobody makes one here
        if self.initial_data.get("url", self.instance.url) != self.instance.url:
            raise serializers.ValidationError(
                {"url": "is that of recipients: change the recipient's URL"}, code="not_changeable"
            )
        return super().validate(attrs)


class DisableSerializer(serializers.Serializer):
    reason = serializers.CharField(required=False, max_length=255)
