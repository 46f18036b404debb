"""A cleanup from beginning to end: by beat, some seconds of each minute, and by hand."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

from django.utils import timezone

from delivery.retention import deliveries, events, expiry, messages, raws, replays
from delivery.retention.ages import Ages, Cutoffs
from delivery.retention.clock import compare_clocks
from delivery.retention.lease import HeldLease
from delivery.retention.objects import Attachments
from delivery.retention.pace import Pace
from delivery.retention.run import Report, Run
from fastsmtp.config import config
from fastsmtp.crash import crash_point

JOB = "cleanup"


def clean_up(
    ages: Ages, *, is_dry: bool = False, tell: Callable[[Report], None] = lambda _: None
) -> Report:
    """Deletes what is older than that, or only counts it. `tell` hears of every batch.

    Raises ClocksDiffer, LeaseTaken when another process is cleaning up, DatabaseError; all that was
    done until then stays done.
    """
    return Cleanup(ages, is_dry=is_dry, tell=tell).run(Pace())


class Cleaner:
    """For short runs, one after the other: it remembers between them how far the cleanup is."""

    def __init__(self) -> None:
        self._cleanup: Cleanup | None = None

    def run(self, ages: Ages, *, pace: Pace) -> Report:
        """Raises as `clean_up` does."""
        if self._cleanup is None or self._cleanup.is_over:
            self._cleanup = Cleanup(ages)
        return self._cleanup.run(pace)


class Cleanup:
    """All that is old when it begins, once, in as many runs as it takes. A run goes on where the
    one before had no more time: behind all that has to be kept, however much that is."""

    def __init__(
        self,
        ages: Ages,
        *,
        is_dry: bool = False,
        tell: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self.is_over = False  # at its end, or by an error
        compare_clocks()
        cutoffs = Cutoffs.at(timezone.now(), ages)
        self._run = Run(cutoffs=cutoffs, is_dry=is_dry, tell=tell)
        self._batches = self._until_over()

    def run(self, pace: Pace) -> Report:
        compare_clocks()
        self._run.report = report = Report()
        with nullcontext() if self._run.is_dry else HeldLease(JOB) as lease:
            for _ in self._batches:
                if lease is None:
                    continue
                crash_point("after_cleanup_batch")
                lease.renew()
                if not pace.rest():
                    break
        return report

    def _until_over(self) -> Iterator[None]:
        try:
            yield from _batches(self._run)
        finally:
            self.is_over = True


def _batches(run: Run) -> Iterator[None]:
    """Stops after each, outside its transaction; what was found before may have changed when it
    goes on. First comes what takes most room. What each deletes does not depend on those before it,
    so that a dry run, which deletes nothing, counts the same."""
    attachments = Attachments(run, config())
    yield from expiry.expire_held(run)
    yield from expiry.expire_quarantined(run)
    yield from raws.delete_old(run)
    yield from raws.delete_abandoned_uploads(run)
    yield from attachments.delete_old()
    yield from messages.delete_old(run, attachments)
    yield from deliveries.delete_old(run)
    yield from replays.delete_old(run)
    yield from events.delete_old(run)
