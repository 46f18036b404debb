"""Rule sets and their rules are made in the admin, and refused there in the model's words."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Domain
from rules.models import Rule, RuleSet

pytestmark = pytest.mark.django_db

ADD = "admin:rules_ruleset_add"


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


def _form(domain: Domain, **rule: Any) -> dict[str, Any]:
    values = {
        "order": "1",
        "field": "subject",
        "operator": "contains",
        "value": "[SPAM] ",
        "action": "tag",
        "add_tags": "spam, de",
        **rule,
    }
    return {
        "domain": str(domain.pk),
        "name": "Spam",
        "priority": "10",
        "is_enabled": "on",
        "rules-TOTAL_FORMS": "1",
        "rules-INITIAL_FORMS": "0",
        **{f"rules-0-{name}": value for name, value in values.items()},
    }


def test_a_rule_set_with_a_rule(browser: Client, domain: Domain) -> None:
    browser.post(reverse(ADD), _form(domain))
    ruleset = RuleSet.objects.get()
    assert (ruleset.domain, ruleset.priority, ruleset.stop_on_match) == (domain, 10, False)
    rule = ruleset.rules.get()
    assert (rule.field, rule.operator, rule.value) == ("subject", "contains", "[SPAM] ")
    assert (rule.action, rule.add_tags) == ("tag", ["spam", "de"])
    page = browser.get(reverse("admin:rules_ruleset_change", args=[ruleset.pk]))
    assert "spam, de" in page.content.decode()
    assert "Spam" in browser.get(reverse("admin:rules_ruleset_changelist")).content.decode()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"operator": "matches", "value": "(?=a)"}, "look-around is not possible"),
        ({"field": "sender"}, "is not a field"),
        ({"add_tags": "x" * 65}, "1 to 64 characters"),
        ({"action": "tag", "add_tags": ""}, "needs at least one tag"),
        ({"action": "forward", "webhook_url_override": "http://10.0.0.1/"}, "10.0.0.1"),
    ],
)
def test_a_rule_that_is_refused(
    browser: Client, domain: Domain, rule: dict[str, str], words: str
) -> None:
    response = browser.post(reverse(ADD), _form(domain, **rule))
    assert words in response.content.decode()
    assert not Rule.objects.exists()
    assert not RuleSet.objects.exists()


def test_a_name_that_does_not_resolve_yet_is_a_warning(browser: Client, domain: Domain) -> None:
    form = _form(domain, action="forward", webhook_url_override="https://later.invalid/")
    response = browser.post(reverse(ADD), form, follow=True)
    assert "later.invalid does not resolve yet" in response.content.decode()
    assert Rule.objects.get().webhook_url_override == "https://later.invalid/"


def test_a_rule_that_cannot_archive_is_saved_with_a_warning(
    browser: Client, domain: Domain
) -> None:
    response = browser.post(reverse(ADD), _form(domain, preserve_raw="on"), follow=True)
    assert "until FASTSMTP_S3_BUCKET is set" in response.content.decode()
    assert Rule.objects.get().preserve_raw
