"""What the rules decide of a mail. This version stores rules and does not evaluate them yet."""

import pytest

from rules.engine import evaluate
from rules.facts import Action, Facts, Verdict


@pytest.mark.parametrize(
    "facts",
    [
        Facts(
            recipient="support@example.com",
            envelope_from="ada@example.org",
            subject="Hello",
            from_address="ada@example.org",
            size=1234,
            client_ip="192.0.2.1",
        ),
        Facts(recipient="", envelope_from="", subject="", from_address="", size=0, client_ip=""),
    ],
)
def test_every_mail_is_forwarded_to_its_recipient(facts: Facts) -> None:
    verdict = evaluate(facts)
    assert verdict.action is Action.FORWARD
    assert verdict.webhook_url_override is None
    assert (verdict.tags, verdict.reason) == ((), "")
    assert verdict == Verdict()
