"""Webhook URLs that people enter: of recipients and of rules, one policy for both."""

from django.core.exceptions import ValidationError

from fastsmtp.config import config
from fastsmtp.http import AddressNotAllowed, check_url


def validate_webhook_url(url: str) -> str | None:
    """A warning for a name that does not resolve yet; raises ValidationError."""
    try:
        return check_url(url, config().address_policy)
    except AddressNotAllowed as error:
        raise ValidationError(str(error), code="address_not_allowed") from None
    except ValueError as error:
        raise ValidationError(str(error), code="invalid_url") from None
