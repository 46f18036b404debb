"""Rules for the mail of a test."""

from typing import Any

from accounts.models import Domain
from rules.models import Rule, RuleSet


def create_ruleset(domain: Domain, name: str = "Filter", **fields: Any) -> RuleSet:
    ruleset = RuleSet(domain=domain, name=name, **fields)
    ruleset.full_clean()
    ruleset.save()
    return ruleset


def add_rule(ruleset: RuleSet, condition: str, **fields: Any) -> Rule:
    """`condition` is written `subject contains Hello`."""
    field, operator, *value = condition.split(" ", 2)
    rule = Rule(ruleset=ruleset, field=field, operator=operator, value="".join(value), **fields)
    rule.full_clean()
    rule.save()
    return rule
