"""An outcome that the database does not take, for what is in it. Were its claim left to run out,
the mail would be called again each time, for ever: so what can be written of it is."""

import logging
from dataclasses import replace

from django.db import InterfaceError, OperationalError, transaction

from delivery.courier import recorder
from delivery.courier.settlement import Settled, settle
from delivery.lanes import lanes
from delivery.lanes.schedule import Schedule
from delivery.models import Delivery
from delivery.outcome import Outcome

log = logging.getLogger(__name__)


def record_in_part(outcome: Outcome, error: Exception, schedule: Schedule) -> list[Settled]:
    """Without what the receiver said; else without the attempt, too: only what the delivery is now.
    Raises OperationalError and InterfaceError, and nothing else."""
    plain = replace(
        outcome, error=type(error).__name__, response_excerpt="", resolved_ip="", payload_hash=""
    )
    for write in (_write_plain, _write_state):
        try:
            return [write(plain, schedule)]
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("delivery %s: outcome not recorded in part", outcome.job.delivery_id)
    return []


def _write_plain(outcome: Outcome, schedule: Schedule) -> Settled:
    [settled] = recorder.record([outcome], schedule)
    return settled


def _write_state(outcome: Outcome, schedule: Schedule) -> Settled:
    """The claim has counted the try. Nothing is said of the lane's health."""
    settled = settle(outcome, schedule)
    job = outcome.job
    with transaction.atomic():
        if settled.due_at is not None:
            lanes.wake([job.endpoint_id], at=settled.due_at)
        Delivery.objects.filter(id=job.delivery_id, claim_id=job.claim_id).update(
            status=settled.status,
            reason=settled.reason,
            due_at=settled.due_at,
            claim_id=None,
            claimed_until=None,
        )
    return settled
