import hashlib

from django.db import models

from delivery.models.message import Message
from fastsmtp.ids import uuid7


def hash_key(*, bucket: str, key: str) -> str:
    return hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()


class StoredObject(models.Model):
    """An attachment or the raw bytes of a message, kept as an object in a bucket.

    The row comes first and reserves the key: no message ever overwrites the object of another.
    """

    RAW = 0

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="objects_stored", db_index=False
    )
    number = models.PositiveIntegerField()  # 0: the raw message, else the attachment's index + 1
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    bucket = models.CharField(max_length=255)
    key = models.CharField(max_length=1024)
    key_hash = models.CharField(max_length=64, unique=True)  # MariaDB cannot index 1024
    stored_at = models.DateTimeField(null=True)  # None while it is reserved only

    class Meta:
        db_table = "stored_objects"
        indexes = [models.Index(fields=["stored_at"], name="stored_objects_by_age")]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "number", "bucket"], name="one_object_per_bucket"
            )
        ]

    def __str__(self) -> str:
        return self.key
