"""Does the encryption key open what is stored? Asked before a role starts: with a wrong key every
call of a webhook would fail, one after another.
"""

import logging

from django.db import DatabaseError

from fastsmtp.config import ConfigError
from fastsmtp.crypto import KeyAge
from fastsmtp.encrypted_columns import encrypted_columns
from fastsmtp.orm import vault

log = logging.getLogger(__name__)

SAMPLE = 5  # of the oldest and of the newest rows of each column


def require_right_key() -> None:
    """Raises ConfigError when nothing of a sample opens. One lost value stops nobody's mail: that
    some do not open is logged. A database that is away is no reason not to start."""
    try:
        tokens = [item.token for column in encrypted_columns() for item in column.sample(SAMPLE)]
    except DatabaseError as error:
        log.warning("whether the encryption key fits could not be asked: %s", error)
        return
    lost = sum(vault().age_of_key(token) is KeyAge.LOST for token in tokens)
    if lost and lost == len(tokens):
        raise ConfigError(
            [
                "FASTSMTP_ENCRYPTION_KEY: opens none of the secrets in the database; "
                "set the key that they were stored with."
            ]
        )
    if lost:
        log.error(
            "FASTSMTP_ENCRYPTION_KEY does not open all secrets in the database: is a key missing? "
            "`rotate_encryption --check` tells which"
        )
