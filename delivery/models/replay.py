from django.db import models
from django.utils import timezone

from accounts.models import Domain
from fastsmtp.ids import uuid7


class Replay(models.Model):
    """Many deliveries of a domain that are made again, in the background and behind fresh mail."""

    class State(models.TextChoices):
        COLLECTING = "collecting"
        RUNNING = "running"
        FINISHED = "finished"
        CANCELLED = "cancelled"

    UNFINISHED = (State.COLLECTING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # A plain reference: the record outlives its domain.
    domain = models.ForeignKey(
        Domain, on_delete=models.DO_NOTHING, null=True, db_constraint=False, db_index=False
    )
    requested_by = models.CharField(max_length=255, blank=True)
    filter = models.JSONField()  # a `delivery.replay.selection.Selection`
    reevaluate_rules = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.COLLECTING)
    reason = models.CharField(max_length=255, blank=True)
    # The last delivery that was looked at while collecting.
    cursor_at = models.DateTimeField(null=True)
    cursor_id = models.UUIDField(null=True)
    matched = models.PositiveIntegerField(default=0)
    queued = models.PositiveIntegerField(default=0)
    not_replayable = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "replays"
        indexes = [
            models.Index(fields=["state"], name="replays_by_state"),
            models.Index(fields=["domain", "id"], name="replays_by_domain"),
        ]

    @property
    def matched_in_all(self) -> int | None:
        """None while they are being collected."""
        is_known = self.state != self.State.COLLECTING
        return self.matched if is_known else None

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.state}"


class ReplayItem(models.Model):
    """A delivery of a replay, or a message whose rules are evaluated again; not yet queued, or
    queued and counted by its status."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, db_index=False)
    subject_id = models.UUIDField()
    # The lane that it waits for; `UUID(int=0)` for none.
    endpoint_id = models.UUIDField()
    is_queued = models.BooleanField(default=False)
    # How often its rules were about to be asked again and nothing more was heard, and until when
    # somebody may be at it: `delivery.replay.judging`.
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    judged_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "replay_items"
        constraints = [
            models.UniqueConstraint(fields=["replay", "subject_id"], name="one_item_per_subject")
        ]
        indexes = [
            models.Index(
                fields=["replay", "is_queued", "endpoint_id", "id"], name="replay_items_by_lane"
            )
        ]

    def __str__(self) -> str:
        return str(self.subject_id)
