"""How long claims take behind an old transaction, and after it, as JSON. PostgreSQL alone.

One lane delivers so many mails while somebody else's transaction is open. Their index entries stay,
and every claim passes over them. Runs as a process of its own, while no worker runs.
"""

import argparse
import json
import os
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from statistics import median

from benchmarks import fill

DOMAIN = "old.example"
DELIVERED = 20_000
WAITING = 500
CLAIM = 128
REPEATS = 10


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.old_transaction")
    parser.add_argument("--delivered", type=int, default=DELIVERED)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "fastsmtp.settings"
    import django

    django.setup()
    print(json.dumps(_measure(arguments.delivered)))


def _measure(delivered: int) -> Mapping[str, float]:
    from django.db import connection

    lane = fill.fill(
        domain=DOMAIN,
        url="http://127.0.0.1:9/old/",
        endpoints=1,
        mails=delivered + WAITING,
        run="old",
        status="pending",
    )[0]
    name = f"claim {CLAIM}, {delivered} delivered"
    _vacuum()
    times = {f"claim {CLAIM}, none delivered": _time_claims(lane)}
    old = connection.copy()
    with old.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT 1 FROM deliveries LIMIT 1")
        _deliver(lane, delivered)
        times[f"{name}, old transaction"] = _time_claims(lane)
        _vacuum()
        times[f"{name}, old transaction, VACUUM"] = _time_claims(lane)
        cursor.execute("COMMIT")
    old.close()
    times[f"{name}, it has ended"] = _time_claims(lane)
    _vacuum()
    times[f"{name}, it has ended, VACUUM"] = _time_claims(lane)
    return times


def _deliver(lane: uuid.UUID, count: int) -> None:
    """As the courier records it, as many at a time."""
    from delivery.models import Delivery

    waiting = Delivery.objects.filter(endpoint_id=lane, due_at__isnull=False).order_by("due_at")
    ids = list(waiting.values_list("id", flat=True)[:count])
    for start in range(0, len(ids), CLAIM):
        Delivery.objects.filter(id__in=ids[start : start + CLAIM]).update(
            status=Delivery.Status.DELIVERED, due_at=None
        )


def _time_claims(lane: uuid.UUID) -> float:
    """Milliseconds, the median; what was claimed is given back."""
    from delivery.courier import claims
    from delivery.courier.release import release

    times = []
    for _ in range(REPEATS):
        begun_at = time.perf_counter()
        claimed = claims.claim({lane: CLAIM}, timeout=timedelta(seconds=30))
        times.append((time.perf_counter() - begun_at) * 1e3)
        release(claimed.jobs)
    return median(times)


def _vacuum() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM deliveries")


if __name__ == "__main__":
    main()
