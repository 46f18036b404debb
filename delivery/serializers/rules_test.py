from typing import Any

from rest_framework import serializers


class RulesTestSerializer(serializers.Serializer):
    """A stored message or the text of one; `recipient` is the address that it is judged for."""

    email_id = serializers.UUIDField(required=False)
    raw = serializers.CharField(required=False, trim_whitespace=False)
    recipient = serializers.CharField(required=False, max_length=320)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("email_id" in attrs) == ("raw" in attrs):
            raise serializers.ValidationError(
                "needs either email_id or raw", code="email_id_or_raw"
            )
        return attrs
