from django.db import models
from django.utils import timezone

from accounts.models import Domain
from delivery.events.kinds import EventType
from delivery.models.endpoint import Endpoint
from fastsmtp.ids import uuid7

TYPES = [(kind.value, kind.value) for kind in EventType]


class EventNote(models.Model):
    """Something that people may have to know, written in the transaction in which it happened.

    Only ever added and taken away, so nobody waits for anybody. It names an endpoint or, where
    there is none, a domain.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=24, choices=TYPES)
    domain_id = models.UUIDField(null=True)
    endpoint_id = models.UUIDField(null=True)
    count = models.PositiveIntegerField(default=1)
    reasons = models.JSONField(default=dict)  # text → how many
    deliveries = models.JSONField(default=list)  # ids of the first few
    at = models.DateTimeField()

    class Meta:
        db_table = "event_notes"

    def __str__(self) -> str:
        return f"{self.type} × {self.count}"


class Incident(models.Model):
    """What is to be told of one endpoint, or of a domain, and when it was told last.

    One row for each type and endpoint, for good: what happens again counts up in it. Domain and
    endpoint are plain references; an incident whose endpoint is gone is told to nobody.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=64, unique=True)  # `delivery.events.incidents.key_of`
    type = models.CharField(max_length=24, choices=TYPES)
    domain = models.ForeignKey(
        Domain, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    # Since it was told last:
    count = models.PositiveIntegerField(default=0)
    reasons = models.JSONField(default=dict)
    deliveries = models.JSONField(default=list)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # None while there is nothing to tell
    told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "incidents"
        indexes = [models.Index(fields=["due_at"], name="incidents_due")]

    def __str__(self) -> str:
        return f"{self.type} × {self.count}"


class OperationalEvent(models.Model):
    """What was told, as it was told. Its id is the `webhook-id`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=24, choices=TYPES)
    domain = models.ForeignKey(
        Domain, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events"
        verbose_name = "event"
        indexes = [
            models.Index(fields=["domain", "type", "created_at"], name="events_by_domain"),
            models.Index(fields=["created_at"], name="events_by_age"),
        ]

    def __str__(self) -> str:
        return str(self.payload["summary"])


class EventSending(models.Model):
    """An event on its way to one who is to know it."""

    class Channel(models.TextChoices):
        WEBHOOK = "webhook"
        MAIL = "mail"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey(OperationalEvent, on_delete=models.CASCADE, related_name="sendings")
    channel = models.CharField(max_length=10, choices=Channel)
    address = models.CharField(max_length=254, blank=True)  # of mail
    due_at = models.DateTimeField(null=True)  # None once it was sent or given up
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        db_table = "event_sendings"
        indexes = [models.Index(fields=["channel", "due_at"], name="event_sendings_due")]

    def __str__(self) -> str:
        return self.address or self.channel
