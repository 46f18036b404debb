"""One run: what it knows, and what it has done so far."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from delivery.retention.ages import Cutoffs
from delivery.retention.lease import HeldLease
from delivery.retention.pace import Pace
from fastsmtp.crash import crash_point


@dataclass(kw_only=True)
class Report:
    """Rows by kind: deleted, or that would be. `refused`: objects that could not be deleted."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusal: str = ""  # the first reason
    is_complete: bool = False


@dataclass(kw_only=True)
class Run:
    """Without a lease it is a dry run, and nothing is written."""

    cutoffs: Cutoffs
    lease: HeldLease | None
    pace: Pace
    tell: Callable[[Report], None]  # after every batch
    report: Report = field(default_factory=Report)

    @property
    def is_dry(self) -> bool:
        return self.lease is None

    def refuse(self, count: int, reason: str) -> None:
        """Objects that the bucket keeps."""
        self.report.refused += count
        self.report.refusal = self.report.refusal or reason

    def done(self, **counts: int) -> None:
        """After every batch, outside its transaction. Raises TimeIsUp, LeaseTaken."""
        self.report.counts.update(counts)
        self.tell(self.report)
        if self.lease is not None:
            crash_point("after_cleanup_batch")
            self.lease.renew()
            self.pace.rest()
