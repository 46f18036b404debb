"""Couriers in the process of a test, which end with it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from delivery.courier.courier import Courier
from fastsmtp.config import Config, config


def impatient_config(**changes: Any) -> Config:
    """Retries within a blink, and never slowly. Its calls do not time out on a busy machine."""
    return config().model_copy(
        update={
            "webhook_retry_base_delay": 0.05,
            "webhook_retry_schedule": [],
            "webhook_timeout": 60.0,
            **changes,
        }
    )


@contextmanager
def running(courier: Courier) -> Iterator[Courier]:
    """Stopped at the end, whatever happens, unless the test has stopped it."""
    courier.start()
    try:
        yield courier
    finally:
        if courier._thread.is_alive():
            courier.stop()


def running_courier(**changes: Any) -> AbstractContextManager[Courier]:
    """With `impatient_config`."""
    return running(Courier(impatient_config(**changes)))
