"""Replays that have ended, with what they were about. People ask for them: there are few."""

import uuid
from collections.abc import Iterator, Sequence

from django.db import transaction

from delivery.models import Replay, ReplayItem
from delivery.retention.rows import erase_where, lock
from delivery.retention.run import Run
from delivery.retention.walk import PAGE, pages

ENDED = (Replay.State.FINISHED, Replay.State.CANCELLED)


def delete_old(run: Run) -> Iterator[None]:
    over = Replay.objects.filter(state__in=ENDED, finished_at__lt=run.cutoffs.log)
    for page in pages(over, by="pk"):
        if run.is_dry:
            items = ReplayItem.objects.filter(replay_id__in=page).count()
            run.count(replays=len(page), replay_items=items)
        else:
            yield from _erase_items(run, page)
            with transaction.atomic():
                count = erase_where(Replay, pk__in=lock(over.filter(pk__in=page)))
            run.count(replays=count)
        yield


def _erase_items(run: Run, replay_ids: Sequence[uuid.UUID]) -> Iterator[None]:
    for replay_id in replay_ids:
        items_of_it = ReplayItem.objects.filter(replay_id=replay_id)
        while ids := list(items_of_it.values_list("pk", flat=True)[:PAGE]):
            run.count(replay_items=erase_where(ReplayItem, pk__in=ids))
            yield
