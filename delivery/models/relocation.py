from django.db import models
from django.utils import timezone

from delivery.models.endpoint import Endpoint
from delivery.models.recipient import Recipient


class Relocation(models.Model):
    """A recipient's URL was corrected: what waits at the endpoint of the one before is moved."""

    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE)
    moved = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "relocations"

    def __str__(self) -> str:
        return f"{self.recipient_id} from {self.endpoint_id}"
