"""What a soak comes to: every mail in its place, no call made twice without a cause, no growth."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.receiver import Arrival
from benchmarks.sent import Sent
from benchmarks.table import align
from faults.count import Count, evaluate, repeated_ids
from faults.endpoints import KINDS, kind_of
from faults.growth import MARGINS, Reading, Trend
from faults.ledger import Ending, Rows

ENDS = ("delivered", "held", "exhausted", "dropped", "quarantined")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    count: Count
    in_flight: int  # calls under way when a worker was killed or stopped for a while
    endings: Sequence[Ending]
    accepted: Counter[str]  # by kind of endpoint
    trends: Sequence[Trend]
    wrong: list[str]
    suspects: Mapping[str, str]  # deliveries, and what is wrong with each

    def render(self) -> str:
        count = self.count
        figures = (
            f"{count.accepted} mails accepted = {count.accepted - count.failed - count.lost}"
            f" delivered + {count.failed} visibly failed + {count.lost} lost",
            f"{count.retries} tries put off or broken off, {count.sent_again} mails delivered as"
            " two",
            f"{count.repeated} calls repeated after a 2xx, of {self.in_flight} under way when a"
            f" worker was killed or paused; {count.unexcused} others",
        )
        sentences = self.wrong or ["All is well."]
        parts = (figures, self._render_kinds(), self._render_trends(), sentences)
        return "\n\n".join("\n".join(part) for part in parts)

    def _render_kinds(self) -> list[str]:
        states: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for ending in self.endings:
            states[kind_of(ending.recipient).name][ending.state] += 1
        rows = [
            [
                kind.name,
                str(self.accepted[kind.name]),
                *(str(states[kind.name][end] or "-") for end in ENDS),
            ]
            for kind in KINDS
        ]
        return align([["endpoint", "accepted", *ENDS], *rows])

    def _render_trends(self) -> list[str]:
        if not self.trends:
            return ["No process lived long enough to tell whether it grows."]
        rows = [
            [trend.name, f"{trend.seconds:.0f}", *_changes(trend.first, trend.last)]
            for trend in self.trends
        ]
        return align([["process", "seconds", *MARGINS], *rows])


def judge(
    sent: Sequence[Sent],
    arrivals: Sequence[Arrival],
    *,
    rows: Rows,
    endings: Sequence[Ending],
    open_count: int = 0,
    in_flight: Collection[str] = (),
    trends: Sequence[Trend] = (),
    wrong: Sequence[str] = (),
) -> Verdict:
    """Once nothing happens any more; `wrong` is what was seen on the way."""
    failures = _failures(endings)
    count = evaluate(
        sent,
        arrivals,
        rows=rows,
        open_count=open_count,
        in_flight=in_flight,
        failures=failures,
    )
    findings = _find(count, endings, arrivals, failures)
    return Verdict(
        count=count,
        in_flight=len(in_flight),
        endings=endings,
        accepted=Counter(kind_of(mail.recipient).name for mail in sent if mail.code == 250),
        trends=trends,
        wrong=[
            *wrong,
            *count.broken_promises(),
            *(f"{number} {finding}" for finding, number in findings.items() if number),
            *(sentence for trend in trends for sentence in trend.grown()),
        ],
        suspects={
            **{ending.delivery: f"is {ending.state}" for ending in _strays(endings)},
            **dict.fromkeys(repeated_ids(arrivals).difference(in_flight), "came again"),
        },
    )


def _failures(endings: Sequence[Ending]) -> dict[str, str]:
    """Deliveries that failed as they had to, with their mails."""
    return {
        ending.delivery: ending.unique_id
        for ending in endings
        if ending.state != "delivered" and _is_expected(ending)
    }


def _find(
    count: Count,
    endings: Sequence[Ending],
    arrivals: Sequence[Arrival],
    failures: Mapping[str, str],
) -> dict[str, int]:
    """What must not be, and how often it is."""
    copies = Counter((ending.unique_id, ending.recipient) for ending in endings)
    came = {arrival.webhook_id for arrival in arrivals if 200 <= arrival.status < 300}
    return {
        "mails were delivered under two webhook-ids": count.sent_again,
        "mails were stored twice": sum(number > 1 for number in copies.values()),
        "deliveries ended as they must not at their endpoint": len(_strays(endings)),
        "deliveries arrived and are shown as failed": len(came & failures.keys()),
    }


def _strays(endings: Sequence[Ending]) -> list[Ending]:
    return [ending for ending in endings if not _is_expected(ending)]


def _is_expected(ending: Ending) -> bool:
    return ending.state in kind_of(ending.recipient).ends_as


def _changes(first: Reading, last: Reading) -> list[str]:
    return [f"{getattr(first, what):.0f} → {getattr(last, what):.0f}" for what in MARGINS]
