"""What most tests of the pipeline begin with."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from accounts.models import Domain
from delivery.courier.courier import Courier
from delivery.models import Endpoint, Recipient
from delivery.tests.bucket_front import BucketFront
from delivery.tests.bucket_server import bucket_config, empty, s3_server
from delivery.tests.courier_steps import move
from delivery.tests.couriers import running_courier
from delivery.tests.records import URL, create_endpoint
from delivery.tests.webhook_receiver import WebhookReceiver


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


@pytest.fixture
def recipient_at_receiver(recipient: Recipient, receiver: WebhookReceiver) -> None:
    """The webhook of `recipient` is the root of `receiver`."""
    move(recipient, receiver)


@pytest.fixture
def courier() -> Iterator[Courier]:
    with running_courier() as courier:
        yield courier


type Start = Callable[..., Courier]


@pytest.fixture(scope="session")
def _bucket_server() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def bucket(_bucket_server: str) -> Iterator[str]:
    """The URL of a server with an empty bucket."""
    yield _bucket_server
    empty(_bucket_server)


@pytest.fixture
def front(bucket: str) -> Iterator[BucketFront]:
    """The bucket with a server in front of it that a test may tell to misbehave."""
    with BucketFront(bucket) as front:
        yield front


@pytest.fixture
def start(bucket: str) -> Iterator[Start]:
    """A courier with these settings of the bucket at that URL. It is stopped before the bucket is
    emptied."""
    with ExitStack() as exits:

        def run(url: str, **changes: Any) -> Courier:
            settings = bucket_config(url, **changes)
            names = [name for name in type(settings).model_fields if name.startswith("s3_")]
            names += ["attachment_storage", "preserve_raw_message", "preserve_raw_required"]
            changes = {name: getattr(settings, name) for name in names}
            return exits.enter_context(running_courier(**changes))

        yield run
