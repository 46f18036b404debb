"""Times the courier's database steps, and then all lists, on the backlog that is there, as JSON.

Runs as a process of its own with the installation's environment, while no worker runs.
"""

import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from statistics import median

REPEATS = 20
FEW_REPEATS = 5  # of what people wait for


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "fastsmtp.settings"
    import django

    django.setup()
    steps = {name: _time(step, REPEATS) for name, step in _steps().items()}
    steps |= {name: _time(step, FEW_REPEATS) for name, step in _lists().items()}
    print(json.dumps(steps))


def _steps() -> Mapping[str, Callable[[], object]]:
    from django.db import connection

    from delivery.courier import claims
    from delivery.courier.lookout import due_lanes
    from delivery.intake import depth
    from delivery.lanes import lanes
    from delivery.models import Lane

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    ids = itertools.cycle(Lane.objects.values_list("endpoint_id", flat=True))
    rounds = due_lanes()
    page = rounds.page_size
    timeout = timedelta(seconds=30)

    def claim(lane_count: int, each: int) -> Callable[[], object]:
        return lambda: claims.claim(dict.fromkeys(_take(ids, lane_count), each), timeout=timeout)

    return {
        f"find {page} due lanes": rounds.next_page,
        "claim 128 of one lane": claim(1, 128),
        "claim 128 of 64 lanes": claim(64, 2),
        "claim 2 of one lane": claim(1, 2),
        f"put {page} lanes to rest": lambda: lanes.rest(_take(ids, page)),
        "count the queue": lambda: depth.look_at_backlog(at_most=100_000),
    }


def _lists() -> Mapping[str, Callable[[], object]]:
    from accounts.models import Domain
    from benchmarks.fill import DOMAIN
    from benchmarks.lists import list_calls

    return list_calls(Domain.objects.get(domain_name=DOMAIN).id)


def _take(ids: Iterator[uuid.UUID], count: int) -> list[uuid.UUID]:
    return list(itertools.islice(ids, count))


def _time(step: Callable[[], object], repeats: int) -> float:
    step()  # imports, caches
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    return median(times)


if __name__ == "__main__":
    main()
