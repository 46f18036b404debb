"""Wherever a recipient's URL is corrected, the mail that waits goes along."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.models import Domain
from accounts.tests.browsers import superuser_browser
from delivery.by_hand.relocation import move_some
from delivery.models import Delivery, Endpoint, Recipient, Relocation
from delivery.serializers.recipients import RecipientSerializer
from delivery.tests.waiting_mail import add_due

pytestmark = pytest.mark.django_db

CORRECTED = "http://127.0.0.1:9/corrected"


def _by_api(recipient: Recipient) -> None:
    context = {"domain": recipient.domain}
    body = RecipientSerializer(
        recipient, data={"webhook_url": CORRECTED}, partial=True, context=context
    )
    body.is_valid(raise_exception=True)
    body.save()


def _by_admin(recipient: Recipient) -> None:
    page = reverse("admin:delivery_recipient_change", args=[recipient.pk])
    form = {"local_part": "support", "webhook_url": CORRECTED, "webhook_headers": "{}"}
    answer = superuser_browser().post(page, {**form, "is_enabled": "on"})
    assert answer.status_code == 302, answer.content


@pytest.mark.parametrize("correct", [_by_api, _by_admin])
def test_what_waits_goes_along(recipient: Recipient, endpoint: Endpoint, correct: Any) -> None:
    add_due(recipient, endpoint)
    correct(Recipient.objects.get(pk=recipient.pk))
    move_some()
    delivery = Delivery.objects.get()
    assert delivery.endpoint is not None
    assert (delivery.webhook_url, delivery.endpoint.url) == (CORRECTED, CORRECTED)


def test_a_new_one_by_the_command_moves_nothing(domain: Domain, endpoint: Endpoint) -> None:
    arguments = ("recipient", "create", domain.domain_name, "sales", CORRECTED)
    call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert Recipient.objects.get(local_part="sales").webhook_url == CORRECTED
    assert not Relocation.objects.exists()
