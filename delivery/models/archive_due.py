from django.db import models

from delivery.models.message import Message


class ArchiveDue(models.Model):
    """A message that belongs into the archive and is not there yet: `delivery.objects.archives`
    tells how it gets there. The row goes when the object is stored."""

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="archive_due"
    )
    domain_name = models.CharField(max_length=253)  # for the key, should the domain be deleted
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "archives_due"
        indexes = [models.Index(fields=["due_at"], name="archives_due_at")]

    def __str__(self) -> str:
        return str(self.message_id)
