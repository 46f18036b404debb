"""What a command's arguments name; a CommandError if there is no such thing."""

from django.core.management import CommandError

from accounts.models import Domain
from delivery.models import Recipient
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
