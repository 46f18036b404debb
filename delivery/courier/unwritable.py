"""An outcome that the database does not take, for what is in it. Were its claim left to run out,
the mail would be called again each time, for ever: so what can be written of it is."""

import logging
from dataclasses import replace

from django.db import InterfaceError, OperationalError, transaction

from delivery.courier import recorder
from delivery.courier.recorder import oversize_failures
from delivery.courier.settlement import Settled, settle
from delivery.courier.suspicion import count_lost
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
    """As `recorder`, but without an attempt, an event, or a word of the lane's health."""
    settled = settle(outcome, schedule)
    job = outcome.job
    waiting = Delivery.objects.filter(id=job.delivery_id, due_at__isnull=False)
    is_delivered = settled.status == Delivery.Status.DELIVERED
    if not is_delivered:  # a 2xx that comes late still wins
        waiting = waiting.filter(claim_id=job.claim_id)
    with transaction.atomic():
        if settled.due_at is not None:
            lanes.wake([job.endpoint_id], at=settled.due_at)
        waiting.update(
            status=settled.status,
            reason=settled.reason,
            tries=settled.tries,
            due_at=settled.due_at,
            claim_id=None,
            claimed_until=None,
            delivered_at=outcome.finished_at if is_delivered else None,
            updated_at=outcome.finished_at,
            oversize_failures=oversize_failures(outcome),
            lost_claims=count_lost(job.lost_claims, outcome.kind),
        )
    return settled
