"""Everything that can happen to a mail, one function each.

One log line per event, as JSON or for people as `fastsmtp.logs` decides. No subject, no body and
no secret is ever logged; addresses are, since that is what a postmaster looks for.
"""

from collections.abc import Sequence
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
        **({"error": error} if error else {}),
    )


def endpoint_changed(*, endpoint_id: UUID, url: str, before: str, after: str, reason: str) -> None:
    """An endpoint was paused, probed, disabled, or works again. Of its URL only the host is told:
    the path is often what keeps a webhook secret."""
    log.warning(
        "endpoint",
        endpoint=str(endpoint_id),
        host=urlsplit(url).hostname,
        before=before,
        after=after,
        reason=reason,
    )
