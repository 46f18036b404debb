import hashlib
import secrets
import string
from base64 import b64encode
from dataclasses import fields
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Domain
from delivery.lanes.health import Health, LaneState
from fastsmtp.orm import EncryptedJSONField, Record

SMALLEST_LIMIT = 4096  # bytes; what is left of any mail as a form, and more than that as JSON
SECRET_LENGTH = 43  # characters; 256 bits of [A-Za-z0-9]
LOST_SECRET = "No key of FASTSMTP_ENCRYPTION_KEY opens this secret; rotate it for a new one."


def generate_secret() -> str:
    """A Standard Webhooks secret whose key is plain text, for receivers that take only text."""
    alphabet = string.ascii_letters + string.digits
    key = "".join(secrets.choice(alphabet) for _ in range(SECRET_LENGTH))
    return "whsec_" + b64encode(key.encode()).decode()


def hash_url(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


class Channel(models.TextChoices):
    WEBHOOK = "webhook"


class Endpoint(Record):
    """Configuration: how to talk to one URL of one domain. Its running state is its `Lane`."""

    class Mode(models.TextChoices):
        JSON = "json"
        MULTIPART = "multipart"
        RAW = "raw"
        THIN = "thin"

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="endpoints")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.WEBHOOK)
    url = models.CharField(max_length=2048)
    url_hash = models.CharField(max_length=64, editable=False)  # MariaDB cannot index 2048
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.JSON)
    secret = EncryptedJSONField(default=generate_secret)
    # During a rotation; `delivery.by_hand.rotation` writes both, and null is for none.
    previous_secret = EncryptedJSONField(null=True, blank=True, editable=False)
    previous_secret_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    max_body_bytes = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_LIMIT), MaxValueValidator(2**31 - 1)],
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    concurrency = models.PositiveSmallIntegerField(
        default=32, validators=[MinValueValidator(1), MaxValueValidator(512)]
    )

    class Meta:
        db_table = "endpoints"
        constraints = [
            models.UniqueConstraint(fields=["domain", "url_hash"], name="one_endpoint_per_url")
        ]

    def __str__(self) -> str:
        return self.url

    def save(self, *args: Any, **options: Any) -> None:
        self.url_hash = hash_url(self.url)
        super().save(*args, **options)


class Lane(models.Model):
    """How an endpoint is doing and when it has something due; the row that deliveries write.

    Whoever makes a delivery due, or finds that nothing is, holds this row's lock while changing
    `due_at`; so the two can never miss each other.
    """

    State = LaneState

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True)
    state = models.CharField(
        max_length=10,
        choices=[(state.value, state.value) for state in LaneState],
        default=LaneState.ACTIVE.value,
    )
    disabled_reason = models.CharField(max_length=255, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    pause_count = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "lanes"
        indexes = [models.Index(fields=["due_at"], name="lanes_due")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.state}"

    @property
    def health(self) -> Health:
        columns = {field.name: getattr(self, field.name) for field in fields(Health)}
        return Health(**columns | {"state": LaneState(self.state)})
