"""What a command's arguments name; a CommandError if there is no such thing."""

from uuid import UUID

from django.core.management import CommandError

from accounts.models import Domain
from delivery.models import Endpoint, Recipient
from delivery.models.endpoint import hash_url
from delivery.models.recipient import normalize_local_part
from fastsmtp.mail.address import normalize_domain


def find_domain(name: str) -> Domain:
    try:
        return Domain.objects.get(domain_name=normalize_domain(name))
    except (ValueError, Domain.DoesNotExist):
        raise CommandError(f"There is no domain {name}.") from None


def find_recipient(domain: Domain, local_part: str) -> Recipient:
    try:
        return domain.recipients.get(local_part=normalize_local_part(local_part))
    except Recipient.DoesNotExist:
        raise CommandError(f"There is no recipient {local_part}@{domain}.") from None


def find_endpoint(name: str, *, of: Domain | None = None) -> Endpoint:
    """By its id, or by its URL: of a domain, or where only one has it."""
    endpoints = Endpoint.objects.select_related("domain", "lane")
    if of is not None:
        endpoints = endpoints.filter(domain=of)
    try:
        found = list(endpoints.filter(pk=UUID(name)))
    except ValueError:
        found = list(endpoints.filter(url_hash=hash_url(name)).order_by("domain__domain_name"))
    if not found:
        raise CommandError(f"There is no endpoint {name}{f' of {of}' if of else ''}.")
    if len(found) > 1:
        ids = ", ".join(f"{endpoint.id} ({endpoint.domain})" for endpoint in found)
        raise CommandError(f"Several domains have this URL; name the id of one: {ids}.")
    return found[0]
