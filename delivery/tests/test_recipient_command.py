"""`recipient`: where the mail of an address goes, by hand."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Domain
from delivery.models import Recipient
from delivery.tests.records import URL, create_delivery, create_endpoint, create_message

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


def _recipient(*arguments: str) -> str:
    output = io.StringIO()
    call_command("recipient", *arguments, stdout=output, stderr=output)
    return output.getvalue()


def test_create() -> None:
    _recipient("create", "example.com", "Support", URL)
    assert Recipient.objects.get().address == "support@example.com"


@pytest.mark.parametrize("local_part", ["*", ""])
def test_create_a_catch_all(local_part: str) -> None:
    assert "*@example.com" in _recipient("create", "example.com", local_part, URL)
    assert Recipient.objects.get().is_catch_all


def test_headers() -> None:
    _recipient("create", "example.com", "a", URL, "--header", "X-A=1=2", "--header", "X-B=b c")
    assert Recipient.objects.get().webhook_headers == {"X-A": "1=2", "X-B": "b c"}


def test_a_name_that_does_not_resolve_yet() -> None:
    output = _recipient("create", "example.com", "a", "https://later.invalid/")
    assert "Warning: later.invalid does not resolve yet." in output
    assert Recipient.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["create", "example.net", "a", URL], "no domain example.net"),
        (["create", "example.com", "a b", URL], "not well-formed"),
        (["create", "example.com", "a", "ftp://example.com/"], "http"),
        (["create", "example.com", "a", "http://10.0.0.1/"], "10.0.0.1"),
        (["create", "example.com", "a", URL, "--header", "X-A"], "NAME=VALUE"),
        (["create", "example.com", "a", URL, "--header", "Host=x"], "set by FastSMTP"),
        (["create", "example.com", "THERE", URL], "there@example.com exists already"),
        (["list", "example.net"], "no domain example.net"),
        (["delete", "example.com", "a"], "no recipient a@example.com"),
        (["delete", "example.com", "a b"], "not well-formed"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(arguments: list[str], words: str) -> None:
    _recipient("create", "example.com", "there", URL)
    with pytest.raises(CommandError, match=words):
        _recipient(*arguments)
    assert Recipient.objects.count() == 1


def test_list() -> None:
    other = Domain.objects.create(domain_name="example.net")
    Recipient.objects.create(domain=other, webhook_url=URL)
    _recipient("create", "example.com", "a", URL, "--header", "X-Key=s3cret")
    output = _recipient("list")
    heading, first, second = (line.split() for line in output.splitlines())
    assert heading == ["address", "webhook_url", "headers", "enabled"]
    assert first == ["a@example.com", URL, "X-Key", "yes"]
    assert second == ["*@example.net", URL, "-", "yes"]
    assert "s3cret" not in output
    assert len(json.loads(_recipient("list", "example.net", "--json"))) == 1


def test_delete_tells_what_it_cancelled(domain: Domain) -> None:
    recipient = Recipient.objects.create(domain=domain, local_part="a", webhook_url=URL)
    create_delivery(
        create_message(domain), recipient, create_endpoint(domain), due_at="2030-01-01T00:00Z"
    )
    assert "1 open deliveries cancelled" in _recipient("delete", "example.com", "A")
