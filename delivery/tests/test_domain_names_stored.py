"""A domain is stored in one form only, so that it can be found and is there once."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from accounts.models import Domain

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("example.com", "example.com"),
        ("EXAMPLE.com", "example.com"),
        ("example.com.", "example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ],
)
def test_the_name_is_normalized(typed: str, stored: str) -> None:
    domain = Domain(domain_name=typed)
    domain.full_clean()
    assert domain.domain_name == stored


@pytest.mark.parametrize("typed", ["", "exa mple.com", "-a.example", "a..example", "a@b", "[::1]"])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Domain(domain_name=typed).full_clean()
    assert list(caught.value.message_dict) == ["domain_name"]


def test_another_spelling_of_a_taken_name_is_refused() -> None:
    Domain.objects.create(domain_name="xn--bcher-kva.example")
    with pytest.raises(ValidationError, match="already exists"):
        Domain(domain_name="BÜCHER.example").full_clean()


def test_the_database_keeps_names_unique() -> None:
    Domain.objects.create(domain_name="example.com")
    with pytest.raises(IntegrityError):
        Domain.objects.create(domain_name="example.com")
