"""What the rules of its domain say about each message of a batch.

The rules are asked for once per batch, the bytes of a message only when a rule looks into them:
those of all small messages together then, of a large one when its turn comes.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, partial

from delivery.content import read_mail
from delivery.jobs import SMALL
from delivery.models import Message
from delivery.unrouted import Unrouted
from fastsmtp import maillog
from fastsmtp.mail.message import ParsedMessage
from rules.engine import evaluate
from rules.facts import Action, CannotEvaluate, Facts, Verdict
from rules.loading import RuleCache

_rules = RuleCache()
_with_raw = Message.objects.select_related("raw")


class Verdicts:
    def __init__(self, messages: Sequence[Unrouted]) -> None:
        self._rulesets = _rules.of_domains({message.domain_id for message in messages})
        self._messages = messages
        self._mail = cache(self._read_mail)

    def decide(self, message: Unrouted, address: str) -> Verdict:
        """For one recipient. A rule that cannot be evaluated is logged and changes nothing."""
        if message.refusal:
            return Verdict(action=Action.DROP, reason=message.refusal)
        rulesets = self._rulesets[message.domain_id]
        if not rulesets:
            return Verdict()
        evaluation = evaluate(rulesets, facts_of(message, address, partial(self._mail, message.id)))
        for step in evaluation.errors:
            maillog.rule_failed(
                message_id=message.id, recipient=address, rule=step.rule.name, error=step.error
            )
        return evaluation.verdict

    def _read_mail(self, message_id: uuid.UUID) -> ParsedMessage:
        stored = self._small.get(message_id) or _with_raw.get(id=message_id)
        if stored.raw is None:
            raise CannotEvaluate("the raw message is not there")
        return read_mail(stored.raw.read(), stored.authentication_results)

    @cached_property
    def _small(self) -> Mapping[uuid.UUID, Message]:
        """Those whose domain has rules, read in one query."""
        ids = [
            message.id
            for message in self._messages
            if message.size <= SMALL and self._rulesets[message.domain_id]
        ]
        return _with_raw.in_bulk(ids)


def facts_of(message: Unrouted | Message, address: str, mail: Callable[[], ParsedMessage]) -> Facts:
    return Facts(
        recipient=address,
        envelope_from=message.mail_from,
        subject=message.subject,
        from_address=message.from_address,
        size=message.size,
        client_ip=message.client_ip,
        dkim_result=message.dkim_result,
        dkim_domain=message.dkim_domain,
        spf_result=message.spf_result,
        spf_domain=message.spf_domain,
        mail=mail,
    )
