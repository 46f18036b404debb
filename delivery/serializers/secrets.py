from rest_framework import serializers

from delivery.bodies.signing import key_as_text
from delivery.by_hand.rotation import DEFAULT_GRACE, MAX_GRACE
from delivery.models import Endpoint


class RotationSerializer(serializers.Serializer):
    grace_seconds = serializers.IntegerField(
        required=False,
        default=int(DEFAULT_GRACE.total_seconds()),
        min_value=0,
        max_value=int(MAX_GRACE.total_seconds()),
    )


class SigningSecretSerializer(serializers.ModelSerializer):
    """The only answer that has a secret in it."""

    signing_secret = serializers.CharField(source="secret", read_only=True)
    signing_key = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = ["id", "url", "signing_secret", "signing_key", "previous_secret_expires_at"]

    def get_signing_key(self, endpoint: Endpoint) -> str:
        return key_as_text(endpoint.secret)
