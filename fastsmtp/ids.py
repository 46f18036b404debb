"""Ids: UUID version 7 (RFC 9562 §5.7), so that primary keys grow with time."""

import uuid

from uuid_utils import compat


def uuid7() -> uuid.UUID:
    return compat.uuid7()
