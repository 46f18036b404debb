"""What the rules of a domain would say about a mail, and why. Nothing is stored."""

from collections.abc import Callable
from functools import cache
from typing import Any

from accounts.models import Domain
from delivery.bodies.content import read_mail
from delivery.models import Message
from delivery.routing.verdicts import facts_of
from fastsmtp.mail.headers import summarize
from fastsmtp.mail.message import ParsedMessage
from rules.engine import Step, evaluate
from rules.facts import CannotEvaluate
from rules.loading import load

MAX_TEXTS = 10  # of a field, shown in a trace
MAX_TEXT_LENGTH = 200


def try_rules(domain: Domain, message: Message, raw: bytes | None, recipient: str) -> Any:
    """The verdict and the trace, as JSON has them. `raw` is None where the bytes are gone."""
    evaluation = evaluate(
        load([domain.id])[domain.id], facts_of(message, recipient, _mail(message, raw))
    )
    verdict = evaluation.verdict
    return {
        "recipient": recipient,
        "verdict": {
            "action": verdict.action.value,
            "reason": verdict.reason,
            "tags": verdict.tags,
            "webhook_url_override": verdict.webhook_url_override,
            "preserve_raw": verdict.preserve_raw,
        },
        "trace": [_describe(step) for step in evaluation.trace],
    }


def message_of(raw: bytes) -> Message:
    """A message as it would be stored, from its bytes alone."""
    summary = summarize(raw)
    return Message(
        mail_from=summary.from_address,
        from_address=summary.from_address,
        subject=summary.subject,
        size=len(raw),
        client_ip="",
    )


def _mail(message: Message, raw: bytes | None) -> Callable[[], ParsedMessage]:
    @cache
    def read() -> ParsedMessage:
        if raw is None:
            raise CannotEvaluate("the raw message is not there")
        return read_mail(raw, message.authentication_results)

    return read


def _describe(step: Step) -> dict[str, Any]:
    return {
        "rule_id": str(step.rule.id),
        "rule": step.rule.name,
        "result": step.result.value,
        "looked_at": [_shorten(text) for text in step.seen[:MAX_TEXTS]],
        "error": step.error or None,
    }


def _shorten(text: str | bytes) -> str:
    shown = text.decode() if isinstance(text, bytes) else text
    return shown if len(shown) <= MAX_TEXT_LENGTH else shown[:MAX_TEXT_LENGTH] + "…"
