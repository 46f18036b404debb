from django.db import models
from django.utils import timezone


class Upload(models.Model):
    """The bytes of a large message on their way into the database, before their message is there.

    Committing the message ends it. One that stays was cut off, or its mail was a repetition: the
    retention deletes those bytes.
    """

    raw_id = models.UUIDField(primary_key=True, editable=False)
    started_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "uploads"

    def __str__(self) -> str:
        return str(self.raw_id)
