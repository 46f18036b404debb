"""Signing secrets change here. After a change the one before goes on signing beside the new one,
so that a receiver has time to take it over; of several changes the newest two secrets sign.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from delivery.models import Endpoint
from delivery.models.endpoint import generate_secret
from fastsmtp import maillog
from fastsmtp.orm import UNREADABLE

DEFAULT_GRACE = timedelta(hours=24)
MAX_GRACE = timedelta(days=30)


def rotate_secret(
    endpoint: Endpoint, *, grace: timedelta = DEFAULT_GRACE, by: str = ""
) -> Endpoint:
    """Returns the endpoint with its new secret. The one before signs until `grace` is over; with
    none it stops at once. Raises ValueError, and Endpoint.DoesNotExist if it was deleted."""
    if not timedelta(0) <= grace <= MAX_GRACE:
        raise ValueError(f"the grace of a rotation is from 0 to {MAX_GRACE.days} days")
    with transaction.atomic():
        rotated = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        # One that no key opens has signed nothing; a new one is how such an endpoint is mended.
        is_kept = bool(grace) and rotated.secret is not UNREADABLE
        rotated.previous_secret = rotated.secret if is_kept else None
        rotated.previous_secret_expires_at = timezone.now() + grace if is_kept else None
        rotated.secret = generate_secret()
        rotated.save(
            update_fields=["secret", "previous_secret", "previous_secret_expires_at", "updated_at"]
        )
    maillog.secret_rotated(
        endpoint_id=rotated.id, url=rotated.url, until=rotated.previous_secret_expires_at, by=by
    )
    return rotated


def erase_expired() -> int:
    """Previous secrets that sign no more; how many there were."""
    return Endpoint.objects.filter(previous_secret_expires_at__lte=timezone.now()).update(
        previous_secret=None, previous_secret_expires_at=None
    )
