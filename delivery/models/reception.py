from django.db import models


class Reception(models.Model):
    """A mail transaction that was accepted, remembered for as long as its client may send it
    again: `delivery.intake.repetitions` tells why."""

    fingerprint = models.UUIDField(primary_key=True, editable=False)
    message_id = models.UUIDField()  # what the sender was told
    received_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "receptions"

    def __str__(self) -> str:
        return str(self.message_id)
