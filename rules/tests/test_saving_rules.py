"""A rule that makes no sense is refused when it is saved, with a sentence for each wrong field."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Domain
from fastsmtp.config import config
from rules.models import Rule, RuleSet

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


@pytest.fixture
def ruleset() -> RuleSet:
    return RuleSet.objects.create(
        domain=Domain.objects.create(domain_name="example.com"), name="Spam"
    )


def _clean(ruleset: RuleSet, **fields: Any) -> Rule:
    values = {"field": "subject", "operator": "contains", "value": "x", **fields}
    rule = Rule(ruleset=ruleset, **values)
    rule.full_clean()
    return rule


def _refused(ruleset: RuleSet, **fields: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refusal:
        _clean(ruleset, **fields)
    return refusal.value.message_dict


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"field": "header:X-Spam", "operator": "exists", "value": ""},
        {"operator": "regex", "value": "^a+$", "action": "drop", "preserve_raw": True},
        {"action": "tag", "add_tags": ["a", "straße 2", "x" * 64]},
        {"action": "quarantine", "add_tags": [str(number) for number in range(20)]},
        {"action": "forward", "webhook_url_override": "http://127.0.0.1:9/other"},
    ],
)
def test_accepted(
    ruleset: RuleSet, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "s3_bucket", "mails")
    rule = _clean(ruleset, **fields)
    rule.save()
    assert Rule.objects.get() == rule
    assert rule.warnings == ()


@pytest.mark.parametrize(
    ("fields", "wrong", "words"),
    [
        ({"field": "sender"}, "field", "is not a field"),
        ({"field": ""}, "field", "blank"),
        ({"field": None}, "field", "null"),
        ({"operator": "like"}, "operator", "not a valid choice"),
        ({"operator": "less_than"}, "operator", "subject has no less_than"),
        ({"value": ""}, "value", "contains needs a value"),
        ({"value": None}, "value", "must be a text"),
        ({"value": "x" * 10_001}, "value", "longer than 10000"),
        ({"operator": "matches", "value": "x" * 1_001}, "value", "longer than 1000"),
        ({"operator": "matches", "value": "a(?=b)"}, "value", "look-around is not possible"),
        ({"operator": "matches", "value": "a(?<!b)"}, "value", "look-around is not possible"),
        ({"operator": "matches", "value": r"(a)\1"}, "value", "back-references are not"),
        ({"operator": "matches", "value": "((a{100}){100}){100}"}, "value", "not an RE2 pattern"),
        ({"operator": "matches", "value": "\ud800"}, "value", "not valid Unicode"),
        ({"action": "bounce"}, "action", "not a valid choice"),
        ({"action": "tag"}, "add_tags", "needs at least one tag"),
        ({"add_tags": None}, "add_tags", "must be a list"),
        ({"add_tags": "spam"}, "add_tags", "must be a list"),
        ({"add_tags": {"spam": 1}}, "add_tags", "must be a list"),
        ({"add_tags": [1]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": [""]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": ["a,b"]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": [" a"]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": ["a\n"]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": ["a\0b"]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": ["x" * 65]}, "add_tags", "1 to 64 characters"),
        ({"add_tags": ["x"] * 21}, "add_tags", "at most 20 tags"),
        ({"webhook_url_override": "ftp://a/"}, "webhook_url_override", "http:// or https://"),
        ({"webhook_url_override": "http://10.0.0.1/"}, "webhook_url_override", "10.0.0.1"),
        (
            {"action": "drop", "webhook_url_override": "http://127.0.0.1:9/"},
            "webhook_url_override",
            "only the action forward",
        ),
    ],
)
def test_refused(ruleset: RuleSet, fields: dict[str, Any], wrong: str, words: str) -> None:
    errors = _refused(ruleset, **fields)
    assert list(errors) == [wrong]
    assert words in " ".join(errors[wrong])


def test_every_wrong_field_is_told_at_once(ruleset: RuleSet) -> None:
    errors = _refused(
        ruleset, field="sender", add_tags=[""], webhook_url_override="mailto:a@example.org"
    )
    assert set(errors) == {"field", "add_tags", "webhook_url_override"}


def test_a_url_whose_name_does_not_resolve_yet_is_a_warning(ruleset: RuleSet) -> None:
    rule = _clean(ruleset, webhook_url_override="https://later.invalid/")
    assert rule.warnings == ("later.invalid does not resolve yet",)


def test_what_cannot_be_archived_is_a_warning(
    ruleset: RuleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"webhook_url_override": "https://later.invalid/", "preserve_raw": True}
    archive, url = _clean(ruleset, **fields).warnings
    assert "FASTSMTP_S3_BUCKET" in archive
    assert "later.invalid" in url
    monkeypatch.setattr(config(), "s3_bucket", "mails")
    assert _clean(ruleset, **fields).warnings == (url,)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [({"name": ""}, "name"), ({"priority": 1001}, "priority"), ({"priority": -1}, "priority")],
)
def test_a_rule_set_that_is_refused(ruleset: RuleSet, fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        RuleSet(domain=ruleset.domain, **{"name": "Other", **fields}).full_clean()
    assert list(refusal.value.message_dict) == [wrong]


def test_one_name_in_a_domain(ruleset: RuleSet) -> None:
    with pytest.raises(ValidationError, match="already exists"):
        RuleSet(domain=ruleset.domain, name="Spam").full_clean()
