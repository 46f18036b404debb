"""A replay's first part: which deliveries, or messages, it is about. In steps, each a transaction
that moves the replay's cursor on: after a crash it goes on where it was."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from delivery.models import Replay, ReplayItem
from delivery.replay.selection import Selection
from fastsmtp import keyset
from fastsmtp.bulk import Insert

AT_ONCE = 1000  # deliveries looked at by one step
NO_LANE = uuid.UUID(int=0)

_insert = Insert(ReplayItem, "replay_id", "subject_id", "endpoint_id", "is_queued")


class _Match(NamedTuple):
    subject_id: uuid.UUID
    endpoint_id: uuid.UUID | None


def collect(replay: Replay) -> None:
    """One step, under the replay's lock."""
    assert replay.domain_id is not None
    rows = Selection.from_json(replay.filter).deliveries(replay.domain_id)
    rows = rows.filter(created_at__lte=replay.created_at).order_by(*keyset.OLDEST_FIRST)
    if replay.cursor_at is not None and replay.cursor_id is not None:
        rows = rows.filter(keyset.after((replay.cursor_at, replay.cursor_id)))
    subject = "message_id" if replay.reevaluate_rules else "id"
    found = list(rows.values_list("created_at", "id", subject, "endpoint_id")[:AT_ONCE])
    replay.matched += _add(replay, [_Match(row[2], row[3]) for row in found])
    if len(found) < AT_ONCE:
        replay.state = Replay.State.RUNNING
    else:
        replay.cursor_at, replay.cursor_id = found[-1][:2]
    replay.save(update_fields=["matched", "state", "cursor_at", "cursor_id"])


def _add(replay: Replay, matches: Sequence[_Match]) -> int:
    """A message with several deliveries is there once."""
    new = {match.subject_id: match.endpoint_id or NO_LANE for match in matches}
    if replay.reevaluate_rules:
        known = ReplayItem.objects.filter(replay=replay, subject_id__in=new)
        for subject_id in known.values_list("subject_id", flat=True):
            del new[subject_id]
    _insert.execute(
        [
            {
                "replay_id": replay.pk,
                "subject_id": subject_id,
                "endpoint_id": endpoint_id,
                "is_queued": False,
            }
            for subject_id, endpoint_id in new.items()
        ]
    )
    return len(new)
