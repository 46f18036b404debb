"""Events in words: for a subject line, a chat message, a mail. Pure functions of the payload."""

from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

from delivery.events.kinds import EventType
from fastsmtp.words import counted

WIDTH = 76  # characters of a line

type Payload = Mapping[str, Any]

_WHAT_TO_DO = {
    EventType.PAUSED: "FastSMTP goes on trying by itself and delivers what waits as soon as it is "
    "answered. If the receiver ought to be running, its own log should say why it does not take "
    "the calls. After five days without a success the endpoint is disabled, and its mail is held.",
    EventType.DISABLED: "New mail is still accepted, and held. When the receiver is there again, "
    "or the URL has been corrected, enable the endpoint: then what was held is delivered.",
    EventType.RECOVERED: "Nothing has to be done. What has waited is being delivered.",
    EventType.EXHAUSTED: "These mails are kept, but not tried again by themselves. When the reason "
    "is gone, they can be sent once more from the admin.",
    EventType.QUARANTINED: "A rule holds these mails back until somebody releases or discards them "
    "in the admin. “routing_error” is no rule: such a mail could not be read.",
}


def summarize(payload: Payload) -> str:
    """One sentence without a full stop."""
    domain, mails = payload["domain"], counted(payload["count"], "mail")
    match EventType(payload["type"]):
        case EventType.PAUSED:
            return f"{_who(payload, 'takes', 'take')} no mail of {domain}"
        case EventType.DISABLED:
            return f"{_who(payload, 'is', 'are')} disabled; mail of {domain} is held"
        case EventType.RECOVERED:
            return f"{_who(payload, 'takes', 'take')} mail of {domain} again"
        case EventType.EXHAUSTED:
            return f"{mails} of {domain} could not be delivered"
        case EventType.QUARANTINED:
            return f"{mails} of {domain} went into quarantine"


def tell_in_full(payload: Payload, *, next_in: str) -> str:
    """The text of a mail; `next_in` says when the same may be told again."""
    paragraphs = [
        f"{payload['summary']}.",
        "\n".join(_facts(payload)),
        fill(_WHAT_TO_DO[EventType(payload["type"])], WIDTH),
        f"To look at it: {payload['admin_url']}",
        fill(
            f"You get this mail as an owner of {payload['domain']}. The same is told again after "
            f"{next_in} at the earliest. Nobody reads answers to this mail.",
            WIDTH,
        ),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _facts(payload: Payload) -> Iterator[str]:
    first, last = _readable(payload["first_at"]), _readable(payload["last_at"])
    yield f"When:    {first}" if first == last else f"When:    {first} to {last}"
    for reason in payload["reasons"]:
        times = f" ({reason['count']} times)" if reason["count"] > 1 else ""
        yield f"Reason:  {reason['reason']}{times}"
    for endpoint in payload["endpoints"]:
        waiting = f"{counted(endpoint['waiting'], 'mail')} waiting"
        yield f"Webhook: {endpoint['host']}, {waiting}: {endpoint['admin_url']}"
    more = payload["endpoint_count"] - len(payload["endpoints"])
    if more:
        yield f"         and {more} more"


def _who(payload: Payload, singular: str, plural: str) -> str:
    if payload["endpoint_count"] == 1:
        return f"{payload['endpoints'][0]['host']} {singular}"
    return f"{payload['endpoint_count']} webhooks {plural}"


def _readable(moment: str) -> str:
    """2026-01-06T10:00:01.234+00:00, for people."""
    return f"{moment[:10]} {moment[11:19]} UTC"
