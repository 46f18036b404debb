"""One domain in the memory of a courier: its lanes that wait for calls, and what it has."""

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from delivery.courier.lane_run import LaneRun


@dataclass(slots=True, eq=False)
class Tenant:
    held: int = 0  # room that its claimed deliveries take
    # Who was served goes last. It may be 100,000 lanes, of which a claim looks at the first ones.
    queue: OrderedDict[uuid.UUID, LaneRun] = field(default_factory=OrderedDict)

    def wishes(self, most: int, *, lane_limit: int) -> dict[uuid.UUID, int]:
        """How many the next lanes may claim, `most` of them. A lane without room leaves the queue
        until one of its calls ends."""
        wishes: dict[uuid.UUID, int] = {}
        full: list[uuid.UUID] = []
        for endpoint_id, lane in self.queue.items():
            wish = min(lane.room, lane.appetite, lane_limit - lane.in_flight)
            if wish > 0:
                wishes[endpoint_id] = wish
            else:
                full.append(endpoint_id)
            if len(wishes) == most:
                break
        for endpoint_id in full:
            del self.queue[endpoint_id]
        return wishes

    def rotate(self, endpoint_ids: Sequence[uuid.UUID]) -> None:
        for endpoint_id in endpoint_ids:
            self.queue.move_to_end(endpoint_id)


def fair_shares(wishes: Sequence[int], budget: int) -> list[int]:
    """Max-min fairness: who wishes for less than an even share gets it all, and what is left is
    shared evenly by the others. The budget must be enough for one each."""
    shares = [0] * len(wishes)
    in_order = sorted(range(len(wishes)), key=wishes.__getitem__)
    for place, index in enumerate(in_order):
        shares[index] = min(wishes[index], budget // (len(wishes) - place))
        budget -= shares[index]
    return shares
