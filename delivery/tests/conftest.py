"""What most tests of the pipeline begin with."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Domain
from delivery.courier import Courier
from delivery.models import Endpoint, Recipient
from delivery.tests.records import URL, create_endpoint
from delivery.tests.webhook_receiver import WebhookReceiver
from fastsmtp.config import Config, config


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


@pytest.fixture
def recipient(domain: Domain) -> Recipient:
    return Recipient.objects.create(domain=domain, local_part="support", webhook_url=URL)


@pytest.fixture
def endpoint(domain: Domain) -> Endpoint:
    return create_endpoint(domain)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def impatient_config(**changes: Any) -> Config:
    """Retries within a blink, and never slowly."""
    return config().model_copy(
        update={
            "webhook_retry_base_delay": 0.05,
            "webhook_retry_schedule": [],
            "webhook_timeout": 5.0,
            **changes,
        }
    )


@pytest.fixture
def courier() -> Iterator[Courier]:
    courier = Courier(impatient_config())
    courier.start()
    yield courier
    courier.stop()
