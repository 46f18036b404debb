"""Which lanes a courier works on, and how many calls each may have under way."""

import time
import uuid
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from delivery.jobs import Job
from delivery.schedule import Kind

MAX_CLAIM = 128  # deliveries in one claim
MAX_SLOTS = 32  # calls under way to one endpoint, unless it is configured otherwise
FIRST_SLOTS = 2  # for an endpoint that we know nothing about; one more with every success
LOOK_AHEAD = 0.1  # seconds of work that may be claimed ahead for an endpoint that answers fast
LINGER = 2.0  # seconds without work until the lane's row is set to rest


@dataclass(slots=True, eq=False)
class LaneRun:
    """One lane in the memory of its courier."""

    most_slots: int = MAX_SLOTS  # as the endpoint is configured
    slots: int = FIRST_SLOTS
    in_flight: int = 0
    ready: deque[Job] = field(default_factory=deque)  # claimed ahead, waiting for a slot
    usual_duration: float = 1.0  # seconds, a moving average of successful calls
    wakes: int = 0
    idle_since: float = 0.0

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


class Hunger:
    """A lane is hungry while it may have something due. Only the courier's loop touches this."""

    def __init__(self) -> None:
        self._lanes: dict[uuid.UUID, LaneRun] = {}
        self._hungry: dict[uuid.UUID, None] = {}  # a set in order: who was served goes last

    def lane(self, endpoint_id: uuid.UUID) -> LaneRun:
        return self._lanes.setdefault(endpoint_id, LaneRun())

    def wake(self, endpoint_id: uuid.UUID) -> None:
        self.lane(endpoint_id).wakes += 1
        self._hungry[endpoint_id] = None

    def wakes(self, endpoint_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
        return {endpoint_id: self._lanes[endpoint_id].wakes for endpoint_id in endpoint_ids}

    def satisfy(self, endpoint_id: uuid.UUID, wakes: int) -> None:
        """Nothing more was due – unless somebody woke the lane while the claim was running."""
        lane = self._lanes[endpoint_id]
        if lane.wakes == wakes:
            self._hungry.pop(endpoint_id, None)
            lane.idle_since = time.monotonic()

    def to_claim(self, available: int) -> dict[uuid.UUID, int]:
        """What to claim next: a fair share for each hungry lane that has room."""
        budget = min(available, MAX_CLAIM)
        rooms = ((id, self._lanes[id].room) for id in self._hungry)
        chosen = dict([(id, room) for id, room in rooms if room > 0][: max(budget, 0)])
        share = max(1, budget // len(chosen)) if chosen else 0
        for endpoint_id in chosen:
            self._hungry[endpoint_id] = self._hungry.pop(endpoint_id)
        return {endpoint_id: min(room, share) for endpoint_id, room in chosen.items()}

    def take_ready(self) -> list[Job]:
        """All that was claimed ahead, to be given back."""
        taken = [job for lane in self._lanes.values() for job in lane.ready]
        for lane in self._lanes.values():
            lane.ready.clear()
        return taken

    def idle(self) -> list[uuid.UUID]:
        """Lanes that have had nothing to do for a while."""
        before = time.monotonic() - LINGER
        return [
            endpoint_id
            for endpoint_id, lane in self._lanes.items()
            if lane.is_idle and endpoint_id not in self._hungry and lane.idle_since < before
        ]

    def forget(self, endpoint_ids: Collection[uuid.UUID]) -> None:
        """Drops those that are still without work."""
        for endpoint_id in endpoint_ids:
            if endpoint_id not in self._hungry and self._lanes[endpoint_id].is_idle:
                del self._lanes[endpoint_id]
