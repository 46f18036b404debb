"""One lane in the memory of its courier: how many calls it may have, and what it has."""

from collections import deque
from dataclasses import dataclass, field

from delivery.jobs import Job
from delivery.lanes.answers import Kind

MAX_CLAIM = 128  # deliveries in one claim
MAX_SLOTS = 32  # calls under way to one endpoint, unless it is configured otherwise
FIRST_SLOTS = 2  # for an endpoint that we know nothing about; one more with every success
LOOK_AHEAD = 0.1  # seconds of work that may be claimed ahead for an endpoint that answers fast


@dataclass(slots=True, eq=False)
class LaneRun:
    domain: str = ""
    most_slots: int = MAX_SLOTS  # as the endpoint is configured
    slots: int = FIRST_SLOTS
    in_flight: int = 0
    ready: deque[Job] = field(default_factory=deque)  # claimed ahead, waiting for a slot
    usual_duration: float = 1.0  # seconds, a moving average of successful calls
    appetite: int = FIRST_SLOTS  # how many it probably has due
    is_hungry: bool = False  # it may have something due
    wakes: int = 0
    idle_since: float = 0.0
    barred_until: float = 0.0

    @property
    def is_idle(self) -> bool:
        return self.in_flight == 0 and not self.ready

    @property
    def room(self) -> int:
        """How many more may be claimed: the free slots, and ahead what is done in a moment. A
        claim has a fixed cost, so a fast endpoint is worth a larger one; a slow one gets none."""
        slots = min(self.slots, self.most_slots)
        ahead = int(slots * LOOK_AHEAD / self.usual_duration)
        return slots + min(ahead, MAX_CLAIM) - self.in_flight - len(self.ready)

    @property
    def has_free_slot(self) -> bool:
        return self.in_flight < min(self.slots, self.most_slots)

    def taste(self, *, wished: int, got: int) -> None:
        """What a claim found says how much to wish for next: who always has more, gets more."""
        if got < wished:
            self.appetite = max(got, FIRST_SLOTS)
        else:
            self.appetite = max(self.appetite, min(wished * 2, MAX_CLAIM))

    def learn(self, kind: Kind, duration: float) -> bool:
        """Slow start: an endpoint that works gets more calls at once, one that fails fewer.

        Returns whether it failed, so that what was claimed ahead should be given back.
        """
        if kind is Kind.DELIVERED:
            self.slots = min(self.slots + 1, self.most_slots)
            self.usual_duration += (max(duration, 0.001) - self.usual_duration) / 4
            return False
        if kind in (Kind.FAST, Kind.SLOW, Kind.THROTTLED, Kind.GONE):
            self.slots = max(self.slots // 2, 1)
            self.usual_duration = 1.0
            return True
        return False
