"""Which lanes a courier claims for next: fair between tenants, then between a tenant's lanes.

How much of the courier one endpoint or one tenant may fill depends on what is free (the dynamic
thresholds of shared-memory switches). While there is plenty, it may have much; the fuller it gets,
the less anybody may add. So some room is always left for those who have nothing yet, however
many others hang.
"""

import time
import uuid
from collections import OrderedDict
from collections.abc import Collection

from delivery.courier.lane_run import MAX_CLAIM, LaneRun
from delivery.courier.tenant import Tenant, fair_shares
from delivery.jobs import Job

LINGER = 2.0  # seconds without work until the lane's row is set to rest
LANE_PART = 8  # one lane may have an eighth of what is free
TENANT_PART = 2  # one tenant half of it, so that alone it gets a third of the whole
MAX_KNOWN = 100_000

STRANGERS = ""
"""The tenant of lanes whose domain is not known yet. Together they have one share; each is known
with its first claim."""


class Hunger:
    """A lane is hungry while it may have something due. Only the courier's loop touches this."""

    def __init__(self) -> None:
        self.held = 0  # room that claimed deliveries take, until their calls have ended
        self._lanes: dict[uuid.UUID, LaneRun] = {}
        self._domains: dict[uuid.UUID, str] = {}  # of lanes that are forgotten as well
        self._tenants: dict[str, Tenant] = {}
        # Those with a queue; who was served goes last.
        self._queue: OrderedDict[str, Tenant] = OrderedDict()

    def lane(self, endpoint_id: uuid.UUID) -> LaneRun:
        lane = self._lanes.get(endpoint_id)
        if lane is None:
            domain = self._domains.get(endpoint_id, STRANGERS)
            lane = self._lanes[endpoint_id] = LaneRun(domain=domain)
        return lane

    # --- wanting ---

    def wake(self, endpoint_id: uuid.UUID) -> None:
        lane = self.lane(endpoint_id)
        lane.wakes += 1
        lane.is_hungry = True
        self._queue_up(endpoint_id, lane)

    def wakes(self, endpoint_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
        return {endpoint_id: self._lanes[endpoint_id].wakes for endpoint_id in endpoint_ids}

    def satisfy(self, endpoint_id: uuid.UUID, wakes: int) -> None:
        """Nothing more was due – unless somebody woke the lane while the claim was running."""
        lane = self._lanes[endpoint_id]
        if lane.wakes == wakes:
            lane.is_hungry = False
            lane.idle_since = time.monotonic()
            self._tenant(lane).queue.pop(endpoint_id, None)

    def bar(self, endpoint_id: uuid.UUID, seconds: float) -> None:
        """Nothing is claimed of it for so long, whoever wakes it."""
        lane = self._lanes[endpoint_id]
        lane.barred_until = time.monotonic() + seconds
        self._tenant(lane).queue.pop(endpoint_id, None)

    # --- getting ---

    def to_claim(self, free: int) -> dict[uuid.UUID, int]:
        """What to claim next, when there is room for so many more."""
        # Half of it at most: the limits below are those of the beginning.
        budget = min((free + 1) // 2, MAX_CLAIM)
        wishes: dict[str, dict[uuid.UUID, int]] = {}
        totals: list[int] = []
        sated: list[str] = []
        for domain, tenant in self._queue.items():
            if len(wishes) >= budget:
                break
            room = max(free // TENANT_PART, 1) - tenant.held
            most = min(room, budget)
            wanted = tenant.wishes(most, lane_limit=max(free // LANE_PART, 1)) if room > 0 else {}
            if wanted:
                wishes[domain] = wanted
                totals.append(min(room, sum(wanted.values())))
            else:  # until one of its calls ends, or somebody wakes a lane of it
                sated.append(domain)
        for domain in sated:
            del self._queue[domain]
        chosen: dict[uuid.UUID, int] = {}
        for domain, share in zip(wishes, fair_shares(totals, budget), strict=True):
            chosen |= self._serve(domain, wishes[domain], share)
        return chosen

    def _serve(self, domain: str, wishes: dict[uuid.UUID, int], share: int) -> dict[uuid.UUID, int]:
        ids = list(wishes)[:share]
        self._queue.move_to_end(domain)
        self._queue[domain].rotate(ids)
        return dict(zip(ids, fair_shares([wishes[id] for id in ids], share), strict=True))

    # --- having ---

    def hold(self, job: Job) -> None:
        """It was claimed, and waits for a slot of its lane."""
        lane = self.lane(job.endpoint_id)
        if lane.domain != job.target.domain_name:
            self._move(job.endpoint_id, lane, job.target.domain_name)
        lane.most_slots = job.target.concurrency
        lane.ready.append(job)
        self._tenant(lane).held += job.weight
        self.held += job.weight

    def start(self, lane: LaneRun) -> Job:
        """The next one is called."""
        lane.in_flight += 1
        return lane.ready.popleft()

    def end(self, job: Job) -> None:
        """Its call is over."""
        self.lane(job.endpoint_id).in_flight -= 1
        self._let_go(job)

    def take_back(self, lane: LaneRun) -> list[Job]:
        """What was claimed ahead and is not called."""
        jobs = list(lane.ready)
        lane.ready.clear()
        for job in jobs:
            self._let_go(job)
        return jobs

    def take_back_all(self) -> list[Job]:
        return [job for lane in self._lanes.values() for job in self.take_back(lane)]

    def _let_go(self, job: Job) -> None:
        lane = self.lane(job.endpoint_id)
        tenant = self._tenant(lane)
        tenant.held -= job.weight
        self.held -= job.weight
        self._queue_up(job.endpoint_id, lane)
        if tenant.queue:  # others of the same tenant may have waited for room
            self._queue.setdefault(lane.domain, tenant)

    # --- resting ---

    def idle(self) -> list[uuid.UUID]:
        """Lanes that have had nothing to do for a while."""
        before = time.monotonic() - LINGER
        return [
            endpoint_id
            for endpoint_id, lane in self._lanes.items()
            if lane.is_idle and not lane.is_hungry and lane.idle_since < before
        ]

    def forget(self, endpoint_ids: Collection[uuid.UUID]) -> None:
        """Drops those that are still without work."""
        for endpoint_id in endpoint_ids:
            lane = self._lanes[endpoint_id]
            if lane.is_idle and not lane.is_hungry:
                del self._lanes[endpoint_id]

    # --- queues ---

    def _tenant(self, lane: LaneRun) -> Tenant:
        return self._tenants.setdefault(lane.domain, Tenant())

    def _queue_up(self, endpoint_id: uuid.UUID, lane: LaneRun) -> None:
        if lane.is_hungry and lane.room > 0 and lane.barred_until <= time.monotonic():
            tenant = self._tenant(lane)
            tenant.queue.setdefault(endpoint_id, lane)
            self._queue.setdefault(lane.domain, tenant)

    def _move(self, endpoint_id: uuid.UUID, lane: LaneRun, domain: str) -> None:
        """Now it is known whose lane it is; nothing of it is held yet."""
        self._tenant(lane).queue.pop(endpoint_id, None)
        if len(self._domains) >= MAX_KNOWN:
            self._domains.clear()
        self._domains[endpoint_id] = lane.domain = domain
        self._queue_up(endpoint_id, lane)
