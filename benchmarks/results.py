"""What a run comes to: rates, percentiles, lost and duplicated mails."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.mails import run_of
from benchmarks.receiver import Arrival, count_duplicates
from benchmarks.sent import LoadResult
from benchmarks.usage import Usage


@dataclass(frozen=True, kw_only=True)
class Case:
    database: str
    size: int  # bytes of a mail
    connections: int
    endpoints: int
    rate: float | None = None  # mails per second; None is as fast as possible


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    sent: int
    accepted: int
    refused: int  # answered with a 4xx or 5xx
    unanswered: int  # the connection was lost, or the time was over
    connection_errors: int
    accepted_per_second: float  # from the first MAIL to the last 250
    delivered_per_second: float  # from the first MAIL to the last arrival
    to_reply: Percentiles | None  # from end of data to the 250
    to_receiver: Percentiles | None  # from the 250 to the receiver
    lost: int
    duplicated: int
    verified: int  # accepted mails that came with `pass` for DKIM and for SPF


@dataclass(frozen=True, kw_only=True)
class Measurement:
    figures: Figures
    cpu_us: Mapping[str, float]  # per message, by group of processes
    memory: Mapping[str, Usage]


@dataclass(frozen=True, kw_only=True)
class CaseResult(Measurement):
    case: Case


def percentiles(nanoseconds: Iterable[int]) -> Percentiles | None:
    """By nearest rank, so that each is a value that occurred; None when there are no values."""
    ordered = sorted(nanoseconds)
    if not ordered:
        return None

    def pick(share: float) -> float:
        return ordered[math.ceil(share * len(ordered)) - 1] / 1e6

    return Percentiles(p50=pick(0.50), p95=pick(0.95), p99=pick(0.99))


def evaluate(result: LoadResult, arrivals: Iterable[Arrival]) -> Figures:
    """Only arrivals of this run that were answered with a 2xx count."""
    accepted = result.accepted
    delivered = [arrival for arrival in arrivals if belongs_to(arrival, result.run)]
    arrived_at = {arrival.unique_id: arrival.at for arrival in reversed(delivered)}
    started_at = min((mail.started_at for mail in result.sent if mail.started_at), default=0)
    codes = result.codes
    return Figures(
        sent=len(result.sent),
        accepted=len(accepted),
        refused=len(result.sent) - codes[250] - codes[0],
        unanswered=codes[0],
        connection_errors=result.connection_errors,
        accepted_per_second=_rate(started_at, [mail.replied_at for mail in accepted]),
        delivered_per_second=_rate(started_at, list(arrived_at.values())),
        to_reply=percentiles(mail.replied_at - mail.dot_at for mail in accepted),
        to_receiver=percentiles(
            arrived_at[mail.unique_id] - mail.replied_at
            for mail in accepted
            if mail.unique_id in arrived_at
        ),
        lost=sum(mail.unique_id not in arrived_at for mail in accepted),
        duplicated=count_duplicates(delivered),
        verified=len({arrival.unique_id for arrival in delivered if arrival.is_verified}),
    )


def belongs_to(arrival: Arrival, run: str) -> bool:
    """Whether it is a mail of this run that was answered with a 2xx."""
    return run_of(arrival.unique_id) == run and 200 <= arrival.status < 300


def _rate(started_at: int, ends: list[int]) -> float:
    """Events per second up to the last one."""
    return len(ends) * 1e9 / (max(ends) - started_at) if ends else 0.0
