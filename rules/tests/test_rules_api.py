"""`/domains/{id}/rulesets` and the rules in them: in the published shape, on every path."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models import Model

from accounts.models import Domain
from fastsmtp.api.tests.caller import call, delete, errors, get, patch, post
from fastsmtp.ids import uuid7
from rules.models import Rule, RuleSet

pytestmark = pytest.mark.django_db

RULE = {"field": "subject", "operator": "contains", "value": "[SPAM] "}


@pytest.fixture
def domain() -> Domain:
    return Domain.objects.create(domain_name="example.com")


@pytest.fixture
def ruleset(domain: Domain) -> RuleSet:
    return RuleSet.objects.create(domain=domain, name="Spam")


@pytest.fixture
def path(ruleset: RuleSet) -> str:
    return f"/domains/{ruleset.domain_id}/rulesets/{ruleset.id}"


def test_a_rule_set_is_created(domain: Domain) -> None:
    response = post(f"/domains/{domain.id}/rulesets", {"name": "Spam", "description": "ignored"})
    assert response.status_code == 201
    body = response.json()
    assert body.pop("id") == str(RuleSet.objects.get().id)
    assert body.pop("created_at")
    assert body.pop("updated_at")
    assert body == {
        "domain_id": str(domain.id),
        "name": "Spam",
        "priority": 0,
        "stop_on_match": True,
        "is_enabled": True,
    }


def test_rule_sets_are_listed_as_they_are_asked(domain: Domain) -> None:
    for name, priority in (("b", 0), ("a", 0), ("c", 5)):
        post(f"/domains/{domain.id}/rulesets", {"name": name, "priority": priority})
    listed = get(f"/domains/{domain.id}/rulesets").json()
    assert [ruleset["name"] for ruleset in listed] == ["c", "a", "b"]


def test_a_long_list_of_one_priority_is_seen_once(domain: Domain) -> None:
    names = [f"{number:04}" for number in range(2100)]
    RuleSet.objects.bulk_create(RuleSet(domain=domain, name=name) for name in names)
    link, seen = f"/domains/{domain.id}/rulesets?limit=500", list[str]()
    while link and len(seen) <= len(names):
        response = get(link)
        seen += [row["name"] for row in response.json()]
        link = response.get("Link", "").partition("/api/v1")[2].partition(">")[0]
    assert seen == names


@pytest.mark.parametrize("kind", ["endpoints", "rulesets", "recipients"])
@pytest.mark.parametrize("position", ["abc", "", "9" * 5000])
def test_a_cursor_of_another_list(domain: Domain, kind: str, position: str) -> None:
    cursor = b64encode(urlencode({"p": position}).encode()).decode()
    response = get(f"/domains/{domain.id}/{kind}?{urlencode({'cursor': cursor})}")
    if kind == "recipients":  # they are ordered by a text, which may be anything
        assert response.status_code == 200
    else:
        assert errors(response) == {"/cursor": "invalid_cursor"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"/name": "required"}),
        ({"name": None}, {"/name": "null"}),
        ({"name": "x" * 256}, {"/name": "max_length"}),
        ({"name": "a\0"}, {"/name": "null_characters_not_allowed"}),
        ({"name": "a", "priority": 1001}, {"/priority": "max_value"}),
        ({"name": "a", "priority": 2**63 - 1}, {"/priority": "max_value"}),
        ({"name": "a", "priority": -1}, {"/priority": "min_value"}),
    ],
)
def test_a_rule_set_is_refused(domain: Domain, body: Any, expected: dict[str, str]) -> None:
    response = post(f"/domains/{domain.id}/rulesets", body)
    assert response.status_code == 422
    assert errors(response) == expected
    assert not RuleSet.objects.exists()


def test_a_name_that_is_taken(ruleset: RuleSet) -> None:
    response = post(f"/domains/{ruleset.domain_id}/rulesets", {"name": "Spam"})
    assert response.status_code == 409


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_only_what_is_sent_changes(path: str, method: str) -> None:
    response = call(method, path, {"priority": 7})
    assert response.status_code == 200
    ruleset = RuleSet.objects.get()
    assert (ruleset.name, ruleset.priority, ruleset.stop_on_match) == ("Spam", 7, True)
    assert response.json()["priority"] == 7


def test_a_rule_is_created_behind_the_others(ruleset: RuleSet, path: str) -> None:
    post(f"{path}/rules", RULE)
    response = post(
        f"{path}/rules",
        {**RULE, "action": "tag", "add_tags": ["spam"], "case_sensitive": True},
    )
    assert response.status_code == 201
    body = response.json()
    assert body.pop("id") == str(Rule.objects.get(order=1).id)
    assert body.pop("created_at")
    assert body.pop("updated_at")
    assert body == {
        "ruleset_id": str(ruleset.id),
        "order": 1,
        **RULE,
        "case_sensitive": True,
        "action": "tag",
        "webhook_url_override": None,
        "add_tags": ["spam"],
        "preserve_raw": False,
    }
    assert [rule["order"] for rule in get(f"{path}/rules").json()] == [0, 1]
    assert [rule["order"] for rule in get(path).json()["rules"]] == [0, 1]


@pytest.mark.parametrize(
    "body",
    [
        {"field": "cc", "operator": "exists"},
        {"field": "cc", "operator": "exists", "value": None, "webhook_url_override": None},
        {**RULE, "webhook_url_override": "http://127.0.0.1:9/other"},
    ],
)
def test_a_rule_in_other_spellings(path: str, body: Any) -> None:
    assert post(f"{path}/rules", body).status_code == 201


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"field": "sender"}, "/field"),
        ({"field": None}, "/field"),
        ({"operator": "like"}, "/operator"),
        ({"operator": "less_than"}, "/operator"),
        ({"value": ""}, "/value"),
        ({"value": "a\0"}, "/value"),
        ({"value": ["a"]}, "/value"),
        ({"operator": "matches", "value": "(?=a)"}, "/value"),
        ({"action": "bounce"}, "/action"),
        ({"action": "tag"}, "/add_tags"),
        ({"add_tags": None}, "/add_tags"),
        ({"add_tags": "spam"}, "/add_tags"),
        ({"add_tags": [["a"]]}, "/add_tags"),
        ({"webhook_url_override": "http://10.0.0.1/"}, "/webhook_url_override"),
        ({"webhook_url_override": "http://127.0.0.1:9/" + "x" * 2048}, "/webhook_url_override"),
    ],
)
def test_a_rule_is_refused(path: str, changes: dict[str, Any], pointer: str) -> None:
    response = post(f"{path}/rules", {**RULE, **changes})
    assert response.status_code == 422
    assert list(errors(response)) == [pointer]
    assert not Rule.objects.exists()


@pytest.fixture
def rule(ruleset: RuleSet) -> Rule:
    return Rule.objects.create(ruleset=ruleset, **RULE)


@pytest.mark.parametrize("prefix", ["/domains/{domain}", ""])
def test_a_rule_is_read_changed_and_deleted(ruleset: RuleSet, rule: Rule, prefix: str) -> None:
    path = f"{prefix.format(domain=ruleset.domain_id)}/rules/{rule.id}"
    assert get(path).json()["value"] == "[SPAM] "
    assert patch(path, {"operator": "matches", "value": "("}).status_code == 422
    assert patch(path, {"value": "x"}).json()["operator"] == "contains"
    rule.refresh_from_db()
    assert (rule.operator, rule.value) == ("contains", "x")
    response = delete(path)
    assert response.status_code == 200
    assert response.json() == {"message": "Rule forward when subject contains x deleted"}
    assert get(path).status_code == 404


def test_a_rule_set_takes_its_rules_along(rule: Rule, path: str) -> None:
    assert delete(path).json() == {"message": "Rule set Spam deleted"}
    assert not Rule.objects.exists()


def test_reorder(ruleset: RuleSet, path: str) -> None:
    rules = [Rule.objects.create(ruleset=ruleset, **RULE, order=number) for number in range(3)]
    ids = [str(rules[position].id) for position in (2, 0, 1)]
    response = post(f"{path}/reorder", {"rule_ids": ids})
    assert response.status_code == 200
    assert [rule["id"] for rule in response.json()] == ids
    assert [rule["id"] for rule in get(f"{path}/rules").json()] == ids


def _meanwhile(patch: pytest.MonkeyPatch, model: type[Model], change: Callable[[], Any]) -> None:
    """Somebody changes something once a request is validated and before it is saved."""
    clean = model.full_clean

    def clean_and_change(record: Model) -> None:
        clean(record)
        change()

    patch.setattr(model, "full_clean", clean_and_change)


def test_a_change_leaves_alone_what_it_does_not_name(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    _meanwhile(monkeypatch, Rule, lambda: Rule.objects.update(order=7))
    assert patch(f"/rules/{rule.id}", {"value": "x"}).status_code == 200
    rule.refresh_from_db()
    assert (rule.value, rule.order) == ("x", 7)


def test_what_is_deleted_meanwhile_stays_deleted(
    rule: Rule, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _meanwhile(monkeypatch, RuleSet, RuleSet.objects.all().delete)
    assert patch(path, {"name": "Ham"}).status_code == 404
    assert not RuleSet.objects.exists()


@pytest.mark.parametrize("change", ["missing", "twice", "foreign", "malformed"])
def test_an_order_must_name_each_rule_once(ruleset: RuleSet, path: str, change: str) -> None:
    rules = [Rule.objects.create(ruleset=ruleset, **RULE, order=number) for number in range(2)]
    first, second = (str(rule.id) for rule in rules)
    orders = {
        "missing": [second],
        "twice": [second, first, first],
        "foreign": [second, str(uuid7())],
        "malformed": [second, "1"],
    }
    assert post(f"{path}/reorder", {"rule_ids": orders[change]}).status_code == 422
    assert list(ruleset.rules.values_list("id", flat=True)) == [rule.id for rule in rules]


def test_nothing_is_found_by_way_of_another_domain(ruleset: RuleSet, rule: Rule) -> None:
    foreign = Domain.objects.create(domain_name="example.org")
    for path in (f"rulesets/{ruleset.id}", f"rulesets/{ruleset.id}/rules", f"rules/{rule.id}"):
        assert get(f"/domains/{foreign.id}/{path}").status_code == 404
        assert get(f"/{path}").status_code == 200
    assert delete(f"/domains/{foreign.id}/rules/{rule.id}").status_code == 404
    assert Rule.objects.exists()


@pytest.mark.parametrize("path", ["/rulesets/1", "/rules/1", "/domains/1/rulesets"])
def test_a_malformed_id(path: str) -> None:
    assert get(path).status_code == 422


def test_without_a_key_nothing_is_told(path: str) -> None:
    for method, suffix in (("GET", ""), ("DELETE", ""), ("POST", "/rules"), ("POST", "/reorder")):
        assert call(method, path + suffix, RULE, key="wrong").status_code == 401
    assert RuleSet.objects.exists()
    assert not Rule.objects.exists()


def test_a_rule_that_cannot_archive_is_accepted_with_a_warning(path: str) -> None:
    response = post(f"{path}/rules", {**RULE, "preserve_raw": True})
    assert response.status_code == 201
    assert "FASTSMTP_S3_BUCKET" in response.json()["warnings"][0]
