"""A cleanup from beginning to end: by beat, some seconds of each minute, and by hand."""

from collections.abc import Callable
from contextlib import nullcontext

from django.utils import timezone

from delivery.retention import deliveries, events, expiry, messages, raws, replays
from delivery.retention.ages import Ages, Cutoffs
from delivery.retention.lease import HeldLease
from delivery.retention.objects import Attachments
from delivery.retention.pace import Pace, TimeIsUp
from delivery.retention.run import Report, Run
from fastsmtp.config import config

JOB = "cleanup"


def clean_up(
    ages: Ages,
    *,
    pace: Pace | None = None,
    is_dry: bool = False,
    tell: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Deletes what is older than that, or only counts it. `tell` hears of every batch.

    Raises LeaseTaken when another process is cleaning up, DatabaseError; all that was done until
    then stays done.
    """
    cutoffs = Cutoffs.at(timezone.now(), ages)
    with nullcontext() if is_dry else HeldLease(JOB) as lease:
        run = Run(cutoffs=cutoffs, lease=lease, pace=pace or Pace(), tell=tell)
        try:
            _run(run)
        except TimeIsUp:
            return run.report
    run.report.is_complete = True
    return run.report


def _run(run: Run) -> None:
    """First what takes most room. What each deletes does not depend on those before it, so that a
    dry run, which deletes nothing, counts the same."""
    attachments = Attachments(run, config())
    expiry.expire_held(run)
    expiry.expire_quarantined(run)
    raws.delete_old(run)
    raws.delete_abandoned_uploads(run)
    attachments.delete_old()
    messages.delete_old(run, attachments)
    deliveries.delete_old(run)
    replays.delete_old(run)
    events.delete_old(run)
