"""What the database itself does not let happen twice."""

import pytest
from django.db import IntegrityError

from accounts.models import Domain
from delivery.models import Delivery, Endpoint, RawChunk, Recipient
from delivery.tests.records import create_delivery, create_endpoint, create_message

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_one_delivery_for_a_recipient_of_a_message(
    recipient: Recipient, endpoint: Endpoint
) -> None:
    message = create_message(recipient.domain)
    create_delivery(message, recipient, endpoint)
    with pytest.raises(IntegrityError):
        create_delivery(message, recipient, endpoint)


def test_a_replay_is_another_generation(recipient: Recipient, endpoint: Endpoint) -> None:
    message = create_message(recipient.domain)
    for generation in (0, 1):
        create_delivery(message, recipient, endpoint, generation=generation)
    assert Delivery.objects.count() == 2


def test_one_endpoint_for_a_url_of_a_domain(domain: Domain) -> None:
    # MariaDB cannot index a column of this length; the hash is what is unique.
    url = "https://hooks.example/" + "x" * 2000
    create_endpoint(domain, url=url)
    create_endpoint(domain, url=url + "y")
    with pytest.raises(IntegrityError):
        create_endpoint(domain, url=url)


def test_one_chunk_per_number(domain: Domain) -> None:
    raw = create_message(domain).raw
    assert raw is not None
    RawChunk.objects.create(raw=raw, number=1, content=b"a")
    with pytest.raises(IntegrityError):
        RawChunk.objects.create(raw=raw, number=1, content=b"b")
