"""The rules of many domains at once: read and compiled when first asked for, then remembered until
the directory changes.
"""

import threading
import uuid
from collections.abc import Collection, Mapping
from itertools import groupby

from accounts.models import DirectoryVersion
from fastsmtp.bulk import Select
from rules.engine import CompiledRule, CompiledRuleSet, compile_or_keep_error
from rules.facts import Action
from rules.models import Rule

MAX_DOMAINS = 10_000  # remembered, most of them without rules

type RuleSets = tuple[CompiledRuleSet, ...]

_select_version = Select("SELECT {} FROM directory_version", (DirectoryVersion, "version"))


class RuleCache:
    """One for a process. An answer is never older than the transaction that asks."""

    def __init__(self) -> None:
        self._compiled: dict[uuid.UUID, RuleSets] = {}
        self._version = 0
        self._lock = threading.Lock()

    def of_domains(self, domain_ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, RuleSets]:
        """One small query, and a second one for domains that are met first. A domain without
        enabled rules has an empty tuple."""
        compiled = self._of_version(next((row[0] for row in _select_version.rows([])), 0))
        missing = [domain_id for domain_id in domain_ids if domain_id not in compiled]
        if missing:
            # If the version moves on meanwhile, this is written into a dictionary that is thrown
            # away.
            compiled.update(load(missing))
        return compiled

    def _of_version(self, version: int) -> dict[uuid.UUID, RuleSets]:
        with self._lock:
            if version != self._version or len(self._compiled) > MAX_DOMAINS:
                self._compiled, self._version = {}, version
            return self._compiled


def load(domain_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, RuleSets]:
    """Asks the database, once; every domain has an entry."""
    rules = (
        Rule.objects.filter(ruleset__domain__in=domain_ids, ruleset__is_enabled=True)
        .select_related("ruleset")
        .order_by("ruleset__domain_id", "-ruleset__priority", "ruleset__name", "order", "id")
    )
    compiled: dict[uuid.UUID, RuleSets] = dict.fromkeys(domain_ids, ())
    for ruleset, members in groupby(rules, key=lambda rule: rule.ruleset):
        compiled[ruleset.domain_id] += (
            CompiledRuleSet(
                name=ruleset.name,
                stop_on_match=ruleset.stop_on_match,
                rules=tuple(compile_rule(rule) for rule in members),
            ),
        )
    return compiled


def compile_rule(rule: Rule) -> CompiledRule:
    is_tag = rule.action == Rule.Action.TAG
    return CompiledRule(
        id=rule.id,
        name=f"{rule.ruleset.name}/{rule.order} {rule.field} {rule.operator} {rule.value}".rstrip(),
        condition=compile_or_keep_error(
            field=rule.field,
            operator=rule.operator,
            value=rule.value,
            case_sensitive=rule.case_sensitive,
        ),
        action=Action.FORWARD if is_tag else Action(rule.action),
        tags=tuple(rule.add_tags),
        webhook_url_override=rule.webhook_url_override,
        preserve_raw=rule.preserve_raw,
    )
