from django.db import models
from django.utils import timezone

from accounts.models import Domain
from delivery.models.header_id import Whole
from fastsmtp.ids import uuid7

CHUNK_SIZE = 1024 * 1024  # bytes of one database value
SMALL = 128 * 1024  # bytes up to which a message is read together with others


class RawMessage(models.Model):
    """The bytes as received, shared by the messages of one transaction.

    `content` holds the first `CHUNK_SIZE` bytes, `RawChunk` rows the rest: no statement ever
    carries a whole large mail.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "raw_messages"
        indexes = [models.Index(fields=["created_at"], name="raw_messages_by_age")]

    def __str__(self) -> str:
        return f"{self.size} bytes"

    def read(self) -> bytes | None:
        """All bytes, in order; None if their retention ends just now."""
        if self.size <= CHUNK_SIZE:
            return bytes(self.content)
        rest = self.chunks.order_by("number").values_list("content", flat=True)
        content = b"".join([bytes(self.content), *map(bytes, rest)])
        return content if len(content) == self.size else None


class RawChunk(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    raw = models.ForeignKey(
        RawMessage, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "raw_chunks"
        constraints = [
            models.UniqueConstraint(fields=["raw", "number"], name="one_chunk_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.raw_id} #{self.number}"


class Message(models.Model):
    """A mail that has its 250. It belongs to one domain; nothing here ever changes but routing.

    The domain is a plain reference without a database constraint: the mail of a deleted domain
    stays, and a busy domain's row is not locked by every mail it gets.
    """

    class Direction(models.TextChoices):
        INBOUND = "in"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    domain = models.ForeignKey(
        Domain, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    raw = models.ForeignKey(
        RawMessage, on_delete=models.PROTECT, null=True, related_name="messages"
    )
    direction = models.CharField(
        max_length=3, choices=Direction, default=Direction.INBOUND, db_default=Direction.INBOUND
    )
    mail_from = models.CharField(max_length=320, blank=True)
    rcpt_to = models.JSONField()  # [[address, recipient id], …]
    helo = models.CharField(max_length=255, blank=True)
    client_ip = models.CharField(max_length=45)
    tls_version = models.CharField(max_length=16, blank=True)
    tls_cipher = models.CharField(max_length=64, blank=True)
    smtputf8 = models.BooleanField(default=False)
    # What Received says after `with`: SMTP, ESMTP, ESMTPS … (RFC 3848).
    protocol = models.CharField(max_length=10, blank=True, default="", db_default="")
    size = models.PositiveBigIntegerField()
    internet_message_id = models.CharField(max_length=998, blank=True)
    internet_message_id.register_lookup(Whole)
    from_address = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=998, blank=True)
    dkim_result = models.CharField(max_length=10, default="none", db_default="none")
    dkim_domain = models.CharField(max_length=253, null=True)
    spf_result = models.CharField(max_length=10, default="none", db_default="none")
    spf_domain = models.CharField(max_length=253, null=True)
    authentication_results = models.TextField(blank=True, default="", db_default="")
    # Why this domain would have refused the mail, had the others of its transaction agreed.
    refusal = models.CharField(max_length=40, blank=True, default="", db_default="")
    received_at = models.DateTimeField(default=timezone.now)
    instance_id = models.CharField(max_length=255)
    # When the sweep routes the message if no task has: None once it is routed.
    route_due_at = models.DateTimeField(null=True)
    # Tries of the sweep, each counted before it begins.
    route_tries = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "messages"
        indexes = [
            models.Index(fields=["domain", "received_at"], name="messages_by_domain"),
            models.Index(fields=["route_due_at"], name="messages_unrouted"),
        ]

    def __str__(self) -> str:
        return self.subject or str(self.id)
