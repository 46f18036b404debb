from django.db import models
from django.utils import timezone

from accounts.models import Domain
from delivery.models.endpoint import Channel, Endpoint
from delivery.models.message import Message
from delivery.models.recipient import Recipient
from fastsmtp.ids import uuid7


class Delivery(models.Model):
    """One message on its way to one recipient. Its id is the `webhook-id` of every attempt.

    Domain, recipient and endpoint are plain references: the record outlives its configuration.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        FAILED = "failed"
        DELIVERED = "delivered"
        EXHAUSTED = "exhausted"
        DROPPED = "dropped"
        QUARANTINED = "quarantined"
        DISCARDED = "discarded"
        CANCELLED = "cancelled"

    OPEN = (Status.PENDING, Status.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    domain = models.ForeignKey(
        Domain, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    recipient = models.ForeignKey(
        Recipient, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    recipient_address = models.CharField(max_length=320)
    generation = models.PositiveSmallIntegerField(default=0, db_default=0)
    channel = models.CharField(
        max_length=10, choices=Channel, default=Channel.WEBHOOK, db_default=Channel.WEBHOOK
    )
    webhook_url = models.CharField(max_length=2048, blank=True)
    # A rule sent it there, instead of to its recipient's own URL. The previous version does not
    # say, and leaves None: `delivery.by_hand.destinations`.
    is_overridden = models.BooleanField(null=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=list)
    # A rule wants the bytes as received to be kept, whatever the domain's policy says.
    preserve_raw = models.BooleanField(default=False, db_default=False)
    # Where in the retry schedule it is: counted before the call, given back when throttled, set
    # to 0 by a manual retry. `attempts` counts all calls ever made.
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    attempts = models.PositiveIntegerField(default=0, db_default=0)
    # How often people began again what had ended; receivers are told.
    replays = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Failures in a row that may be due to the size of the body: see `delivery.lanes.answers`.
    oversize_failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Processes that may have died of it, in a row: see `delivery.courier.suspicion`.
    lost_claims = models.PositiveSmallIntegerField(default=0, db_default=0)
    due_at = models.DateTimeField(null=True)  # None once nothing more will be tried
    claim_id = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True, db_default="")
    last_status_code = models.PositiveSmallIntegerField(null=True)
    payload_hash = models.CharField(max_length=64, blank=True, db_default="")
    delivered_at = models.DateTimeField(null=True)
    instance_id = models.CharField(max_length=255, blank=True, db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["message", "recipient_address", "generation"],
                name="one_delivery_per_recipient",
            )
        ]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="deliveries_due"),
            # For lists, which ask for nothing else in most cases: what they pass over is passed
            # over in the index. On PostgreSQL, migration 0013 adds one for rare statuses.
            models.Index(
                fields=["domain", "created_at", "status", "recipient"], name="deliveries_listed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recipient_address} {self.status}"


class Attempt(models.Model):
    """One call of a webhook, as it went."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempt_log")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=20)
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    response_excerpt = models.TextField(blank=True)
    resolved_ip = models.CharField(max_length=45, blank=True)

    class Meta:
        db_table = "attempts"

    def __str__(self) -> str:
        return f"#{self.number} {self.outcome}"
