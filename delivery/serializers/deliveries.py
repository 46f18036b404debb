from typing import Any

from rest_framework import serializers

from delivery import states
from delivery.bodies.preview import Preview, preview
from delivery.models import Attempt, Delivery
from delivery.replay.selection import SELECTABLE, UNDELIVERED, Selection

STATUSES = [*Delivery.Status.values, states.HELD, states.SENDING]


class DeliverySerializer(serializers.ModelSerializer):
    """Expects the columns of the message that are named here, and `endpoint__lane`."""

    domain_id = serializers.UUIDField(read_only=True)
    email_id = serializers.UUIDField(source="message_id", read_only=True)
    message_id = serializers.CharField(source="message.internet_message_id", read_only=True)
    recipient_id = serializers.UUIDField(read_only=True)
    payload_hash = serializers.SerializerMethodField()
    next_retry_at = serializers.SerializerMethodField()
    dkim_result = serializers.CharField(source="message.dkim_result", read_only=True)
    spf_result = serializers.CharField(source="message.spf_result", read_only=True)
    held = serializers.SerializerMethodField()
    sending = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            "id",
            "domain_id",
            "email_id",
            "message_id",
            "recipient_id",
            "recipient_address",
            "webhook_url",
            "payload_hash",
            "status",
            "attempts",
            "next_retry_at",
            "last_error",
            "last_status_code",
            "instance_id",
            "delivered_at",
            "dkim_result",
            "spf_result",
            "reason",
            "held",
            "sending",
            "replays",
            "generation",
            "created_at",
            "updated_at",
        ]

    def get_payload_hash(self, delivery: Delivery) -> str | None:
        return delivery.payload_hash or None

    def get_next_retry_at(self, delivery: Delivery) -> str | None:
        """What is held is not tried again by itself."""
        due_at = None if states.is_held(delivery) else delivery.due_at
        return serializers.DateTimeField().to_representation(due_at) if due_at else None

    def get_held(self, delivery: Delivery) -> bool:
        return states.is_held(delivery)

    def get_sending(self, delivery: Delivery) -> bool:
        return states.is_sending(delivery)


class AttemptSerializer(serializers.ModelSerializer):
    class Meta:
        model = Attempt
        fields = [
            "number",
            "started_at",
            "duration_ms",
            "outcome",
            "status_code",
            "error",
            "response_excerpt",
            "resolved_ip",
        ]


class DeliveryDetailSerializer(DeliverySerializer):
    payload = serializers.SerializerMethodField()
    payload_sent_as = serializers.SerializerMethodField()
    attempt_log = serializers.SerializerMethodField()

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "payload", "payload_sent_as", "attempt_log"]

    def to_representation(self, delivery: Delivery) -> dict[str, Any]:
        self._preview: Preview | None = preview(delivery)  # both fields show it
        return super().to_representation(delivery)

    def get_payload(self, delivery: Delivery) -> Any:
        return self._preview.payload if self._preview else None

    def get_payload_sent_as(self, delivery: Delivery) -> str | None:
        return self._preview.sent_as if self._preview else None

    def get_attempt_log(self, delivery: Delivery) -> Any:
        return AttemptSerializer(
            delivery.attempt_log.order_by("started_at", "number"), many=True
        ).data


class DeliveryFilterSerializer(serializers.Serializer):
    """What `?…` of a list may ask for."""

    status = serializers.ChoiceField(STATUSES, required=False)
    message_id = serializers.CharField(required=False)
    recipient_id = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class SelectionSerializer(serializers.Serializer):
    """Which deliveries a replay is about."""

    status = serializers.ListField(
        child=serializers.ChoiceField(SELECTABLE),
        required=False,
        allow_empty=False,
        default=list(UNDELIVERED),
    )
    since = serializers.DateTimeField(required=False, allow_null=True)
    until = serializers.DateTimeField(required=False, allow_null=True)
    recipient_id = serializers.UUIDField(required=False, allow_null=True)
    endpoint_id = serializers.UUIDField(required=False, allow_null=True)
    reevaluate_rules = serializers.BooleanField(required=False, default=False)
    dry_run = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        since, until = attrs.get("since"), attrs.get("until")
        if since and until and until < since:
            raise serializers.ValidationError({"until": "is before since"}, code="invalid_range")
        return attrs

    def selection(self) -> Selection:
        given = self.validated_data
        return Selection(
            statuses=tuple(given["status"]),
            since=given.get("since"),
            until=given.get("until"),
            recipient_id=given.get("recipient_id"),
            endpoint_id=given.get("endpoint_id"),
        )
