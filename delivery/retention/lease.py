"""One cleanup at a time, whatever process it is in.

Deleting an object in a bucket and then its row cannot be one step. A second cleanup that comes
late to the object would delete what a new mail has put under the same key meanwhile.
"""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from delivery.models import Lease

LENGTH = timedelta(minutes=2)  # much longer than any batch


class LeaseTaken(Exception):
    """Another process does this job; or it died, less than `LENGTH` ago."""


class HeldLease:
    """`with HeldLease("job") as lease`; `renew` it all the time. Both raise LeaseTaken."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._holder = uuid.uuid4()

    def __enter__(self) -> "HeldLease":
        now = timezone.now()
        with transaction.atomic():
            Lease.objects.get_or_create(job=self._job, defaults={"until": now})
            self._take(Q(until__lte=now) | Q(holder=None))
        return self

    def __exit__(self, *error: object) -> None:
        Lease.objects.filter(job=self._job, holder=self._holder).update(holder=None)

    def renew(self) -> None:
        self._take(Q(holder=self._holder))

    def _take(self, free: Q) -> None:
        until = timezone.now() + LENGTH
        if not Lease.objects.filter(free, job=self._job).update(holder=self._holder, until=until):
            raise LeaseTaken(self._job)
