"""A replay's second part: what was collected is queued behind fresh mail.

A lane is fed only while nothing else is due there, and with no more than it worked off since the
last look; so mail that comes now waits for what the endpoint does in about one look. An endpoint
that is slow, paused or busy holds up its own part of a replay and nothing else. What goes to a
disabled endpoint is held there at once: it delays nobody.

Each feeding is one transaction under the replay's lock: queued and counted, or neither. What cannot
be served is counted as not replayable, and holds up neither its replay nor those of others.
"""

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, ProgrammingError, transaction
from django.utils import timezone

from delivery.models import Delivery, Lane, Replay, ReplayItem
from delivery.replay import replays, servings
from delivery.replay.collection import NO_LANE, collect
from delivery.routing.endpoints import EndpointsGone
from fastsmtp.crash import crash_point

log = logging.getLogger(__name__)

LOOK_INTERVAL = 0.05  # seconds between two looks at a lane that is fed
LONGEST_PAUSE = 0.5  # seconds, while no lane takes more
SLICE = 2.0  # seconds of one run: the next may be another process's
# A run ends after so many looks at lanes of which none takes more; beat rings again.
IDLE_LOOKS = 2
IDLE_LOOKS_AFTER_FEEDING = 4  # what was fed is probably worked off soon
FIRST_SERVING = 4  # deliveries; doubled whenever a lane has worked off all of it by the next look
LARGEST_SERVING = 128
LANES_AT_ONCE = 100

# The database is away, or not migrated yet: nothing is wrong with what was to be served.
_NOT_NOW = (OperationalError, InterfaceError, ProgrammingError)


def run(
    feeder: "Feeder",
    *,
    wake: Callable[[Collection[uuid.UUID]], object],
    seconds: float = SLICE,
) -> None:
    """Works on all replays for so long, or until none has anything that can be done now."""
    end = time.monotonic() + seconds
    pause = LOOK_INTERVAL
    idle, patience = 0, IDLE_LOOKS
    while time.monotonic() < end and replays.unfinished().exists():
        step = feeder.step()
        wake(step.fed)
        if step.has_moved:
            idle, patience = 0, IDLE_LOOKS_AFTER_FEEDING
        elif not step.has_more:
            idle += 1
        if idle == patience:
            return
        if step.fed or not (step.has_moved or step.has_more):
            time.sleep(pause)
        # A lane that is busy for long need not be looked at so often.
        pause = LOOK_INTERVAL if step.has_moved else min(2 * pause, LONGEST_PAUSE)


@dataclass(slots=True)
class Step:
    fed: set[uuid.UUID] = field(default_factory=set)  # endpoints that got something to do
    has_moved: bool = False
    has_more: bool = False  # lanes that were not looked at yet


class Feeder:
    """Remembers between its steps how much a lane works off."""

    def __init__(self) -> None:
        self._servings: dict[uuid.UUID, int] = {}
        self._last_lane: dict[uuid.UUID, uuid.UUID] = {}

    def step(self) -> Step:
        """A little of every replay. What the database raises while it is away is raised when each
        has had its turn: it may be one replay's query alone that it refuses."""
        step = Step()
        outage = None
        for replay_id, state in replays.unfinished().order_by("id").values_list("id", "state"):
            try:
                if state == Replay.State.COLLECTING:
                    step.has_moved |= _collect(replay_id)
                else:
                    self._feed(replay_id, step)
            except _NOT_NOW as error:
                outage = error
            except Exception as error:
                step.has_moved |= _give_up(replay_id, error)
        if outage is not None:
            raise outage
        return step

    def _feed(self, replay_id: uuid.UUID, step: Step) -> None:
        last = self._last_lane.pop(replay_id, None)
        lanes = list(_lanes_of(replay_id, after=last))
        if not lanes and last is None:
            step.has_moved |= _finish(replay_id)
        if len(lanes) == LANES_AT_ONCE:
            self._last_lane[replay_id] = lanes[-1]
            step.has_more = True  # the others have their turn in the next step
        for endpoint_id in lanes:
            size = self._next_serving(endpoint_id)
            if size and endpoint_id not in step.fed:
                _serve_next(replay_id, endpoint_id, size, step)

    def _next_serving(self, endpoint_id: uuid.UUID) -> int:
        """0 while the lane has something else to do."""
        if not takes_more(endpoint_id):
            last = self._servings.get(endpoint_id, 0)
            self._servings[endpoint_id] = max(last // 4, FIRST_SERVING // 2)
            return 0
        size = min(2 * self._servings.get(endpoint_id, FIRST_SERVING // 2), LARGEST_SERVING)
        self._servings[endpoint_id] = size
        return size


def _serve_next(replay_id: uuid.UUID, endpoint_id: uuid.UUID, size: int, step: Step) -> None:
    with transaction.atomic():
        replay = replays.lock(replay_id, Replay.State.RUNNING)
        chosen = servings.choose(replay, endpoint_id, size) if replay else []
    if replay and chosen:
        _serve(replay, endpoint_id, chosen, step)
        crash_point("after_feeding")


def _serve(
    replay: Replay, endpoint_id: uuid.UUID, subject_ids: Sequence[uuid.UUID], step: Step
) -> None:
    """Together; or one by one, if something is wrong with one of them."""
    try:
        decisions = servings.judge(replay, subject_ids)
        with transaction.atomic():
            locked = replays.lock(replay.pk, Replay.State.RUNNING)
            if locked is None:
                return
            fed = servings.serve(locked, endpoint_id, subject_ids, decisions, is_free=takes_more)
        step.fed |= fed
        step.has_moved = True
        return
    except EndpointsGone:
        step.has_moved = True  # nothing was written; the next step knows better
        return
    except _NOT_NOW:
        raise
    except Exception as error:
        if len(subject_ids) == 1:
            log.exception("replay %s: %s cannot be served", replay.pk, subject_ids[0])
            step.has_moved |= _give_up_one(replay.pk, subject_ids[0], error)
            return
    for subject_id in subject_ids:
        _serve(replay, endpoint_id, [subject_id], step)


def _give_up_one(replay_id: uuid.UUID, subject_id: uuid.UUID, error: Exception) -> bool:
    with transaction.atomic():
        replay = replays.lock(replay_id, Replay.State.RUNNING)
        if replay is not None:
            servings.give_up(replay, subject_id, error)
    return replay is not None


def takes_more(endpoint_id: uuid.UUID) -> bool:
    """Nothing is due there but what is being sent; or nothing is sent there at all."""
    if endpoint_id == NO_LANE:
        return True
    state = Lane.objects.filter(pk=endpoint_id).values_list("state", flat=True).first()
    if state is None or state == Lane.State.DISABLED:
        return True
    waiting = Delivery.objects.filter(endpoint_id=endpoint_id, due_at__lte=timezone.now())
    return not waiting.filter(claim_id__isnull=True).exists()


def _collect(replay_id: uuid.UUID) -> bool:
    with transaction.atomic():
        replay = replays.lock(replay_id, Replay.State.COLLECTING)
        if replay is not None:
            collect(replay)
    crash_point("after_collecting")
    return replay is not None


def _give_up(replay_id: uuid.UUID, error: Exception) -> bool:
    """Nothing can be done with a replay as a whole."""
    log.exception("replay %s cannot go on", replay_id)
    mine = Replay.objects.filter(pk=replay_id)
    return replays.cancel_all(mine, reason=f"it cannot go on ({type(error).__name__})") > 0


def _finish(replay_id: uuid.UUID) -> bool:
    running = Replay.objects.filter(pk=replay_id, state=Replay.State.RUNNING)
    return replays.end(running, Replay.State.FINISHED) > 0


def _lanes_of(replay_id: uuid.UUID, *, after: uuid.UUID | None) -> Iterator[uuid.UUID]:
    """In order, each by one look into the index: a DISTINCT would read all that waits."""
    waiting = ReplayItem.objects.filter(replay=replay_id, is_queued=False).order_by("endpoint_id")
    for _ in range(LANES_AT_ONCE):
        rest = waiting if after is None else waiting.filter(endpoint_id__gt=after)
        after = rest.values_list("endpoint_id", flat=True).first()
        if after is None:
            return
        yield after
