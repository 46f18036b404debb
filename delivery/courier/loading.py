"""The jobs of a claim that is committed: one that cannot be read must not take the others with it,
whose claims would have to run out as well."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import InterfaceError, OperationalError, ProgrammingError

from delivery import jobs
from delivery.jobs import Job, Target

log = logging.getLogger(__name__)


def load_jobs(
    delivery_ids: Sequence[uuid.UUID],
    targets: Mapping[uuid.UUID, Target],
    claim_id: uuid.UUID,
    ends: Mapping[uuid.UUID, datetime],
) -> list[Job]:
    """As `jobs.load`, without those that cannot be read."""
    try:
        return jobs.load(delivery_ids, targets, claim_id, ends)
    except (OperationalError, InterfaceError, ProgrammingError):  # away, or not migrated yet
        raise
    except Exception:
        if len(delivery_ids) == 1:
            log.exception("delivery %s cannot be read: it is put off", *delivery_ids)
            return []
        return [job for id in delivery_ids for job in load_jobs([id], targets, claim_id, ends)]
