"""What the rules of its domain say about each message of a batch.

The rules are asked for once per batch, the bytes of a message only when a rule looks into them:
those of all small messages together then, of a large one when its turn comes.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from django.db import DatabaseError, InterfaceError

from delivery.bodies.content import read_mail
from delivery.models import Message
from delivery.models.message import SMALL
from delivery.routing.unrouted import Unrouted
from fastsmtp.mail.message import ParsedMessage
from rules.engine import Step, evaluate_each
from rules.facts import Action, CannotEvaluate, Facts, Verdict
from rules.loading import RuleCache, RuleSets

_rules = RuleCache()
_with_raw = Message.objects.select_related("raw")


@dataclass(frozen=True, slots=True)
class Decision:
    """`failed` are the rules that could not be evaluated: they changed nothing."""

    verdict: Verdict
    failed: tuple[Step, ...] = ()


type Decisions = Mapping[uuid.UUID, Mapping[str, Decision]]  # by message, and recipient's address


def decide(messages: Sequence[Unrouted]) -> Decisions:
    """For each recipient of each message. Raises DatabaseError, InterfaceError."""
    rulesets = _rules.of_domains({message.domain_id for message in messages})
    stored = _Stored([message for message in messages if rulesets[message.domain_id]])
    return {
        message.id: _decide(message, rulesets[message.domain_id], stored) for message in messages
    }


def _decide(message: Unrouted, rulesets: RuleSets, stored: "_Stored") -> Mapping[str, Decision]:
    addresses = [address for address, _ in message.rcpt_to]
    if message.refusal:
        refused = Decision(Verdict(action=Action.DROP, reason=message.refusal))
        return dict.fromkeys(addresses, refused)
    if not rulesets:
        return dict.fromkeys(addresses, Decision(Verdict()))
    read = cache(lambda: stored.read_mail(message.id))  # for all its recipients, and no longer
    facts = [facts_of(message, address, read) for address in addresses]
    return {
        address: Decision(evaluation.verdict, tuple(evaluation.errors))
        for address, evaluation in zip(addresses, evaluate_each(rulesets, facts), strict=True)
    }


class _Stored:
    """The bytes of messages whose domains have rules."""

    def __init__(self, messages: Sequence[Unrouted]) -> None:
        self._messages = messages

    def read_mail(self, message_id: uuid.UUID) -> ParsedMessage:
        stored = self._small.get(message_id) or _with_raw.get(id=message_id)
        raw = stored.raw.read() if stored.raw else None
        if raw is None:
            raise CannotEvaluate("the raw message is not there")
        return read_mail(raw, stored.authentication_results)

    @cached_property
    def _small(self) -> Mapping[uuid.UUID, Message]:
        """Read in one query."""
        ids = [message.id for message in self._messages if message.size <= SMALL]
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
        outages=(DatabaseError, InterfaceError),
    )
