"""What was promised and what came of it, counted by the senders, the database and the receiver.

A mail has an id of ours in its Message-ID; a delivery has its `webhook-id`. A sender that lost its
connection between our commit and our 250 sends again, as RFC 5321 §4.5.4.1 wants it. That mail is
then two messages with two webhook-ids: the sender's duplicate. A webhook-id that comes again is
ours.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.receiver import Arrival
from benchmarks.sent import Sent
from faults.ledger import Rows


@dataclass(frozen=True, kw_only=True)
class Count:
    """All figures are mails, unless they say otherwise."""

    sent: int
    accepted: int  # answered with 250, at whatever try
    refused: int  # answered with 5xx: gone for good
    retries: int  # tries that got a 4xx, or lost their connection
    delivered: int  # different webhook-ids that got a 2xx
    failed: int  # accepted, and not delivered for a reason that the database shows
    lost: int  # accepted, and neither at the receiver nor shown as failed
    stranded: int  # deliveries in the database whose webhook-id never came
    unrouted: int  # messages in the database without a delivery
    open: int  # messages and deliveries that the database does not hold for done
    sent_again: int  # stored twice because the sender, without a reply, sent twice
    multiplied: int  # stored more often than they were sent
    repeated: int  # webhook-ids that came again after a 2xx
    unexcused: int  # those of them, or older ones, that were not in flight at a kill

    def broken_promises(self) -> list[str]:
        promises = {
            "mails were accepted and did not arrive": self.lost,
            "deliveries never came": self.stranded,
            "messages have no delivery": self.unrouted,
            "messages or deliveries are not done": self.open,
            "mails got a 5xx": self.refused,
            "mails were never accepted": self.sent - self.accepted - self.refused,
            "mails were stored more often than they were sent": self.multiplied,
            "deliveries came again though nothing was killed in their call": self.unexcused,
        }
        return [f"{count} {promise}" for promise, count in promises.items() if count]


def evaluate(
    sent: Sequence[Sent],
    arrivals: Iterable[Arrival],
    *,
    rows: Rows,
    open_count: int = 0,
    in_flight: Collection[str] = (),
    failures: Mapping[str, str] = MappingProxyType({}),
) -> Count:
    """`rows` are what the database has got since the beginning, `open_count` those that are not
    done in the end; `in_flight` are the deliveries under way when a worker was killed. `failures`
    are deliveries that may have failed where everybody can see it, each with the id of its mail."""
    answered = [arrival for arrival in arrivals if 200 <= arrival.status < 300]
    calls = Counter(arrival.webhook_id for arrival in answered)
    copies: defaultdict[str, set[str]] = defaultdict(set)
    for arrival in answered:
        copies[arrival.unique_id].add(arrival.webhook_id)
    repeated = repeated_ids(answered)
    accepted = [mail for mail in sent if mail.code == 250]
    missing = [mail.unique_id for mail in accepted if mail.unique_id not in copies]
    failed = set(failures.values()).intersection(missing)
    return Count(
        sent=len(sent),
        accepted=len(accepted),
        refused=sum(mail.code >= 500 for mail in sent),
        retries=sum(mail.tries - 1 for mail in sent),
        delivered=len(calls),
        failed=len(failed),
        lost=len(missing) - len(failed),
        stranded=len(rows.deliveries - calls.keys() - failures.keys()),
        unrouted=len(rows.messages - rows.routed),
        open=open_count,
        sent_again=sum(len(ids) - 1 for ids in copies.values()),
        multiplied=sum(len(copies[mail.unique_id]) > mail.tries for mail in sent),
        repeated=len(repeated),
        unexcused=len((repeated | (calls.keys() - rows.deliveries)).difference(in_flight)),
    )


def repeated_ids(arrivals: Iterable[Arrival]) -> set[str]:
    """The webhook-ids that came again after a 2xx."""
    calls = Counter(arrival.webhook_id for arrival in arrivals if 200 <= arrival.status < 300)
    return {webhook_id for webhook_id, count in calls.items() if count > 1}
