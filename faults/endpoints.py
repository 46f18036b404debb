"""Receivers of every temper: each is healthy now and then, or the database shows why not."""

import random
import time
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.answers import OK, Answer, Behaviour, always
from benchmarks.receiver import Receiver
from harness.stack import Stack

DOMAINS = ("one.soak.example", "two.soak.example", "three.soak.example")
DELIVERED = frozenset({"delivered"})
HEALTHY = Answer(200)
BIG = Answer(200, content=b"x" * 1024 * 1024)
DRIPPING = Answer(200, content=b"x" * 400, drip=0.25, is_whole=False)
HALF = Answer(200, content=b"x" * 1000, is_whole=False)
BUSY = Answer(503, headers="Retry-After: 2\r\n")
EVER = 1e9  # seconds

type Phase = tuple[float, Answer | None]  # seconds, and how it answers then; None: not at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What the endpoints of a recipient do, again and again, and how its mail may end."""

    name: str
    phases: tuple[Phase, ...] = ((EVER, HEALTHY),)
    ends_as: frozenset[str] = DELIVERED  # status, or `held`
    rule: Mapping[str, object] | None = None  # what a rule for its recipients does
    gets_large: bool = False  # mail too
    count: int = 1  # recipients in each domain

    @property
    def heals(self) -> bool:
        return self.ends_as == DELIVERED


KINDS = (
    Kind(name="ok", count=8, gets_large=True),
    Kind(name="500", phases=((6, Answer(500)), (9, HEALTHY)), gets_large=True),
    Kind(name="503", phases=((4, BUSY), (8, HEALTHY))),
    Kind(name="404", phases=((3, Answer(404)), (12, HEALTHY))),
    Kind(name="hangs", phases=((6, None), (9, HEALTHY)), gets_large=True),
    Kind(name="drips", phases=((6, DRIPPING), (9, HEALTHY))),
    Kind(name="resets", phases=((5, HALF), (10, HEALTHY)), gets_large=True),
    Kind(name="413", phases=((4, Answer(413)), (8, HEALTHY)), gets_large=True),
    Kind(name="verbose", phases=((EVER, BIG),)),
    Kind(
        name="gone",
        phases=((10, HEALTHY), (EVER, Answer(410))),
        ends_as=frozenset({"delivered", "held"}),
    ),
    Kind(name="refuses", phases=((EVER, Answer(406)),), ends_as=frozenset({"exhausted"})),
    Kind(name="broken", phases=((EVER, Answer(400)),), ends_as=frozenset({"exhausted"})),
    Kind(name="tagged", rule={"action": "forward", "add_tags": ["soak"]}),
    Kind(name="dropped", rule={"action": "drop"}, ends_as=frozenset({"dropped"})),
    Kind(name="quarantined", rule={"action": "quarantine"}, ends_as=frozenset({"quarantined"})),
)


def local_parts(kind: Kind) -> list[str]:
    return [f"{kind.name}-{number}" for number in range(kind.count)]


def kind_of(recipient: str) -> Kind:
    name = recipient.partition("@")[0].rpartition("-")[0]
    return next(kind for kind in KINDS if kind.name == name)


def recipients(*, is_large: bool = False) -> list[str]:
    """All addresses, or those that get large mail."""
    return [
        f"{local_part}@{domain}"
        for domain in DOMAINS
        for kind in KINDS
        if kind.gets_large or not is_large
        for local_part in (local_parts(kind)[:1] if is_large else local_parts(kind))
    ]


def furnish(stack: Stack, receiver: Receiver, dice: random.Random) -> None:
    """Domains, recipients and rules in the installation; behaviours at the receiver, which do not
    all change at the same moments."""
    for domain in DOMAINS:
        webhooks = {}
        for kind in KINDS:
            for local_part in local_parts(kind):
                path = f"/{domain}/{local_part}"
                webhooks[local_part] = receiver.url(path)
                receiver.behaviours[path] = _behave(kind, dice)
        domain_id = stack.create_recipients(domain, webhooks)
        _create_rules(stack, domain, domain_id)


def heal(receiver: Receiver) -> None:
    """From now on all are healthy but those whose mail may fail."""
    for path in receiver.behaviours:
        if kind_of(path.rpartition("/")[2]).heals:
            receiver.behaviours[path] = OK


def _behave(kind: Kind, dice: random.Random) -> Behaviour:
    if len(kind.phases) == 1:
        return always(kind.phases[0][1])
    return in_turn(kind.phases, begins_at=time.monotonic() - dice.uniform(0, kind.phases[0][0]))


def in_turn(
    phases: Sequence[Phase], *, begins_at: float, clock: Callable[[], float] = time.monotonic
) -> Behaviour:
    """One phase after the other, for ever; they began at `begins_at` by the clock (seconds)."""
    whole = sum(seconds for seconds, _ in phases)
    ends = list(accumulate(seconds for seconds, _ in phases))

    def answer() -> Answer | None:
        return phases[bisect(ends, (clock() - begins_at) % whole)][1]

    return answer


def _create_rules(stack: Stack, domain: str, domain_id: object) -> None:
    path = f"/domains/{domain_id}/rulesets"
    ruleset = stack.api("POST", path, {"name": "soak"})
    for kind in KINDS:
        if kind.rule is not None:
            for local_part in local_parts(kind):
                condition = {
                    "field": "recipient",
                    "operator": "equals",
                    "value": f"{local_part}@{domain}",
                }
                stack.api("POST", f"{path}/{ruleset['id']}/rules", {**condition, **kind.rule})
