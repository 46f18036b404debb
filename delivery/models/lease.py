from django.db import models


class Lease(models.Model):
    """Who may do a job that only one process at a time should do, and until when."""

    job = models.CharField(max_length=40, primary_key=True)
    holder = models.UUIDField(null=True)
    until = models.DateTimeField()

    class Meta:
        db_table = "leases"

    def __str__(self) -> str:
        return self.job
