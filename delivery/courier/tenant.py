"""One domain in the memory of a courier: its lanes that wait for calls, and what it has."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from delivery.courier.lane_run import LaneRun


@dataclass(slots=True, eq=False)
class Tenant:
    held: int = 0  # room that its claimed deliveries take
    queue: dict[uuid.UUID, LaneRun] = field(default_factory=dict)  # who was served goes last

    def wishes(self, most: int, *, lane_limit: int) -> dict[uuid.UUID, int]:
        """How many the next lanes may claim, `most` of them. A lane without room leaves the queue
        until one of its calls ends."""
        wishes: dict[uuid.UUID, int] = {}
        for endpoint_id, lane in list(self.queue.items()):
            wish = min(lane.room, lane.appetite, lane_limit - lane.in_flight)
            if wish > 0:
                wishes[endpoint_id] = wish
            else:
                del self.queue[endpoint_id]
            if len(wishes) == most:
                break
        return wishes

    def rotate(self, endpoint_ids: Sequence[uuid.UUID]) -> None:
        for endpoint_id in endpoint_ids:
            self.queue[endpoint_id] = self.queue.pop(endpoint_id)


def fair_shares(wishes: Sequence[int], budget: int) -> list[int]:
    """Max-min fairness: who wishes for less than an even share gets it all, and what is left is
    shared evenly by the others. The budget must be enough for one each."""
    shares = [0] * len(wishes)
    in_order = sorted(range(len(wishes)), key=wishes.__getitem__)
    for place, index in enumerate(in_order):
        shares[index] = min(wishes[index], budget // (len(wishes) - place))
        budget -= shares[index]
    return shares
