"""Everything that can happen to a mail, one function each.

One log line per event, as JSON or for people as `fastsmtp.logs` decides. No subject, no body and
no secret is ever logged; addresses are, since that is what a postmaster looks for.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog

log = structlog.get_logger("fastsmtp.mail")


def accepted(
    *,
    message_id: UUID,
    mail_from: str,
    rcpt_to: Sequence[str],
    size: int,
    client_ip: str,
    dkim: str,
    spf: str,
) -> None:
    """The message is committed and its sender gets a 250. `dkim` and `spf` are results in the words
    of RFC 8601."""
    log.info(
        "accepted",
        message=str(message_id),
        mail_from=mail_from,
        rcpt_to=rcpt_to,
        size=size,
        client_ip=client_ip,
        dkim=dkim,
        spf=spf,
    )


def repeated(*, message_id: UUID, mail_from: str, size: int, client_ip: str) -> None:
    """A client sent an accepted message again. It gets another 250, and nothing else happens."""
    log.info(
        "repeated", message=str(message_id), mail_from=mail_from, size=size, client_ip=client_ip
    )


def decided(*, message_id: UUID, recipient: str, status: str, reason: str) -> None:
    """Routing ended in something else than a delivery: dropped, quarantined or cancelled."""
    log.info(status, message=str(message_id), recipient=recipient, reason=reason)


def released(*, message_id: UUID, recipient: str, reason: str, by: str) -> None:
    """Somebody let a quarantined mail go; `reason` is why it was held."""
    log.info(
        "released", message=str(message_id), recipient=recipient, reason=reason, **_known(by=by)
    )


def retried(*, message_id: UUID, delivery_id: UUID, recipient: str, by: str) -> None:
    """Somebody made a delivery due now, with a fresh set of tries."""
    log.info(
        "retried",
        message=str(message_id),
        delivery=str(delivery_id),
        recipient=recipient,
        **_known(by=by),
    )


def discarded(*, message_id: UUID, delivery_id: UUID, recipient: str, reason: str, by: str) -> None:
    """Somebody gave a held or quarantined mail up; or nobody came for too long."""
    tell = log.info if by else log.warning
    tell(
        "discarded",
        message=str(message_id),
        delivery=str(delivery_id),
        recipient=recipient,
        reason=reason,
        **_known(by=by),
    )


def rule_failed(*, message_id: UUID, recipient: str, rule: str, error: str) -> None:
    """A rule could not be evaluated; the others decided."""
    log.warning("rule_failed", message=str(message_id), recipient=recipient, rule=rule, error=error)


def attempted(
    *,
    message_id: UUID,
    delivery_id: UUID,
    attempt: int,
    status: str,
    status_code: int | None,
    duration_ms: float,
    error: str,
) -> None:
    """A webhook was called; `status` is the state of the delivery now."""
    log.info(
        status,
        message=str(message_id),
        delivery=str(delivery_id),
        attempt=attempt,
        status_code=status_code,
        duration_ms=round(duration_ms, 1),
        **_known(error=error),
    )


def endpoint_changed(
    *, endpoint_id: UUID, url: str, before: str, after: str, reason: str, by: str = ""
) -> None:
    """An endpoint was paused, probed, disabled, or works again; a warning, unless somebody switched
    it, `by` name. Of its URL only the host is told: the path is often what keeps a webhook secret.
    """
    tell = log.info if by else log.warning
    tell(
        "endpoint",
        endpoint=str(endpoint_id),
        host=urlsplit(url).hostname,
        before=before,
        after=after,
        reason=reason,
        **_known(by=by),
    )


def secret_rotated(*, endpoint_id: UUID, url: str, until: datetime | None, by: str) -> None:
    """An endpoint has a new signing secret; the one before signs beside it until then."""
    log.info(
        "secret_rotated",
        endpoint=str(endpoint_id),
        host=urlsplit(url).hostname,
        previous_until=until and until.isoformat(),
        **_known(by=by),
    )


def replay_began(
    *, replay_id: UUID, domain_id: UUID, selection: Mapping[str, Any], with_rules: bool, by: str
) -> None:
    """Somebody asked for many deliveries to be made again."""
    log.info(
        "replay_began",
        replay=str(replay_id),
        domain=str(domain_id),
        selection={name: value for name, value in selection.items() if value is not None},
        with_rules=with_rules,
        **_known(by=by),
    )


def replay_ended(
    *, replay_id: UUID, state: str, reason: str, matched: int, queued: int, not_replayable: int
) -> None:
    """All of it is queued, or it was cancelled."""
    log.info(
        f"replay_{state}",
        replay=str(replay_id),
        matched=matched,
        queued=queued,
        not_replayable=not_replayable,
        **_known(reason=reason),
    )


def event_told(*, event_id: UUID, payload: Mapping[str, Any]) -> None:
    """An operational event was made; who is to know of it is told next."""
    log.warning(
        "operational_event",
        event_id=str(event_id),
        type=payload["type"],
        domain=payload["domain"],
        summary=payload["summary"],
        count=payload["count"],
    )


def event_sent(*, event_id: UUID, channel: str, attempt: int) -> None:
    """The receiver of events, or a mail relay, took it."""
    log.info("event_sent", event_id=str(event_id), channel=channel, attempt=attempt)


def event_not_sent(
    *, event_id: UUID, channel: str, attempt: int, error: str, is_given_up: bool
) -> None:
    """It was not taken; it is tried again unless it is given up. Never an event of its own."""
    log.warning(
        "event_given_up" if is_given_up else "event_not_sent",
        event_id=str(event_id),
        channel=channel,
        attempt=attempt,
        error=error,
    )


def _known(**facts: str) -> dict[str, str]:
    return {name: text for name, text in facts.items() if text}
