"""What a cleanup knows while it works, and what it has done so far."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from delivery.retention.ages import Cutoffs


@dataclass(kw_only=True)
class Report:
    """Of one run. Rows by kind: deleted, or that would be. `refused`: objects that could not be
    deleted."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusal: str = ""  # the first reason
    failure: str = ""  # of the bucket as a whole


@dataclass(kw_only=True)
class Run:
    """In a dry run nothing is written."""

    cutoffs: Cutoffs
    is_dry: bool
    tell: Callable[[Report], None]  # after every batch
    report: Report = field(default_factory=Report)

    def refuse(self, count: int, reason: str) -> None:
        """Objects that the bucket keeps."""
        self.report.refused += count
        self.report.refusal = self.report.refusal or reason

    def count(self, **counts: int) -> None:
        """After every batch, outside its transaction."""
        self.report.counts.update(counts)
        self.tell(self.report)
