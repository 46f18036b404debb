"""Where a delivery goes that is made due once more: its URL may have been corrected since."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import QuerySet

from delivery.intake import recipients
from delivery.intake.recipients import FoundRecipient
from delivery.models import Delivery, Recipient
from delivery.routing import endpoints
from fastsmtp.mail.address import parse_mailbox
from rules.models import Rule

NO_BYTES = "Its raw message was deleted."


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    recipient_id: uuid.UUID
    endpoint_id: uuid.UUID
    url: str


def with_related(delivery_ids: Collection[uuid.UUID]) -> QuerySet[Delivery]:
    """With what `find` looks at."""
    return Delivery.objects.filter(id__in=delivery_ids).select_related(
        "domain", "recipient", "message"
    )


def find(delivery: Delivery) -> Destination | str:
    """Or a sentence why it has nowhere to go. A missing endpoint is made: inside a transaction."""
    if delivery.domain is None:
        return "Its domain was deleted."
    if delivery.message.raw_id is None:
        return NO_BYTES
    recipient = delivery.recipient or _now_at(delivery)
    if recipient is None:
        return "Its recipient was deleted."
    url = delivery.webhook_url if _is_overridden(delivery, recipient) else recipient.webhook_url
    return Destination(
        recipient_id=recipient.id,
        endpoint_id=endpoints.id_of(delivery.domain.id, url),
        url=url,
    )


def with_bytes(delivery_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those whose raw message is there. Asked under the deliveries' locks the answer lasts: the
    retention lets go of bytes under the same ones."""
    found = Delivery.objects.filter(id__in=delivery_ids, message__raw__isnull=False)
    return set(found.values_list("id", flat=True))


def rules_to(domain_id: uuid.UUID, url: str) -> QuerySet[Rule]:
    """Rules of the domain that send mail there."""
    return Rule.objects.filter(ruleset__domain_id=domain_id, webhook_url_override=url)


def _is_overridden(delivery: Delivery, recipient: Recipient) -> bool:
    """Rows of the previous version do not say: there the rules as they are now tell."""
    if delivery.is_overridden is not None:
        return delivery.is_overridden
    if delivery.webhook_url in ("", recipient.webhook_url):
        return False
    return rules_to(recipient.domain_id, delivery.webhook_url).exists()


def _now_at(delivery: Delivery) -> Recipient | None:
    """Who has the address now, in the same domain: one made anew may be another tenant's."""
    try:
        found = recipients.find(parse_mailbox(delivery.recipient_address))
    except ValueError:
        return None
    if not isinstance(found, FoundRecipient) or found.domain_id != delivery.domain_id:
        return None
    return Recipient.objects.filter(id=found.recipient_id).first()
