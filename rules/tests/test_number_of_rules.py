"""How many enabled rules a domain has is bounded where they are saved: each mail asks them all."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import Domain
from fastsmtp.api.tests.caller import errors, patch, post
from rules.models import Rule, RuleSet

pytestmark = pytest.mark.django_db

CONDITION = {"field": "subject", "operator": "contains", "value": "x"}
REFUSAL = "at most 3 enabled rules"


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rules.models.MAX_ENABLED_RULES", 3)


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


@pytest.fixture
def full(domain: Domain) -> RuleSet:
    _create_ruleset(domain, "One", rules=2)
    return _create_ruleset(domain, "Two", rules=1)


def _create_ruleset(domain: Domain, name: str, *, rules: int, **fields: Any) -> RuleSet:
    ruleset = RuleSet.objects.create(domain=domain, name=name, **fields)
    for order in range(rules):
        Rule.objects.create(ruleset=ruleset, order=order, **CONDITION)
    return ruleset


def _api_of(ruleset: RuleSet) -> str:
    return f"/domains/{ruleset.domain_id}/rulesets/{ruleset.id}"


def test_one_more_is_refused(full: RuleSet) -> None:
    with pytest.raises(ValidationError, match=REFUSAL):
        Rule(ruleset=full, **CONDITION).full_clean()


def test_the_api_says_so(full: RuleSet) -> None:
    response = post(f"{_api_of(full)}/rules", CONDITION)
    assert response.status_code == 422
    assert errors(response) == {"": "too_many_rules"}
    assert REFUSAL in response.text
    assert Rule.objects.count() == 3


def test_what_is_there_can_be_changed(full: RuleSet) -> None:
    rule = full.rules.get()
    assert patch(f"/rules/{rule.id}", {"value": "y"}).status_code == 200
    assert patch(_api_of(full), {"name": "Three"}).status_code == 200


def test_other_domains_and_disabled_sets_do_not_count(full: RuleSet) -> None:
    disabled = _create_ruleset(full.domain, "Three", rules=3, is_enabled=False)
    foreign = _create_ruleset(Domain.objects.create(domain_name="example.org"), "One", rules=2)
    for ruleset in (disabled, foreign):
        assert post(f"{_api_of(ruleset)}/rules", CONDITION).status_code == 201


def test_a_set_that_would_be_too_much_stays_disabled(full: RuleSet) -> None:
    disabled = _create_ruleset(full.domain, "Three", rules=1, is_enabled=False)
    response = patch(_api_of(disabled), {"is_enabled": True})
    assert response.status_code == 422
    assert errors(response) == {"": "too_many_rules"}
    disabled.refresh_from_db()
    assert not disabled.is_enabled
    full.rules.get().delete()
    assert patch(_api_of(disabled), {"is_enabled": True}).status_code == 200


def _form(ruleset: RuleSet, *, added: int, deleted: int = 0) -> dict[str, Any]:
    saved = [{"id": str(rule.pk), "ruleset": str(ruleset.pk)} for rule in ruleset.rules.all()]
    rules: list[dict[str, str]] = [*saved, *({} for _ in range(added))]
    form = {
        "domain": str(ruleset.domain_id),
        "name": ruleset.name,
        "priority": "0",
        "is_enabled": "on",
        "rules-TOTAL_FORMS": str(len(rules)),
        "rules-INITIAL_FORMS": str(len(saved)),
    }
    for number, rule in enumerate(rules):
        values = {**CONDITION, "order": str(number), "action": "forward", **rule}
        if number < deleted:
            values["DELETE"] = "on"
        form |= {f"rules-{number}-{name}": value for name, value in values.items()}
    return form


def test_the_admin_counts_those_of_one_page_together(browser: Client, domain: Domain) -> None:
    _create_ruleset(domain, "One", rules=1)
    new = RuleSet(domain=domain, name="Two")
    add = reverse("admin:rules_ruleset_add")
    response = browser.post(add, _form(new, added=3))
    assert REFUSAL in response.content.decode()
    assert Rule.objects.count() == 1
    browser.post(add, _form(new, added=2))
    assert Rule.objects.count() == 3


def test_the_admin_lets_a_full_set_be_changed(browser: Client, full: RuleSet) -> None:
    change = reverse("admin:rules_ruleset_change", args=[full.pk])
    response = browser.post(change, _form(full, added=1))
    assert REFUSAL in response.content.decode()
    assert Rule.objects.count() == 3
    browser.post(change, _form(full, added=0, deleted=1))
    assert Rule.objects.count() == 2
