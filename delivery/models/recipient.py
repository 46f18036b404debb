import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import DirectoryEntry, Domain
from fastsmtp.mail.address import parse_mailbox
from fastsmtp.orm import UNREADABLE, EncryptedJSONField
from fastsmtp.webhook_url import validate_webhook_url

CATCH_ALL = ""
LOST_HEADERS = "webhook_headers open with no key of FASTSMTP_ENCRYPTION_KEY; set them anew"

# RFC 9110 §5.1 (token) and §5.5 (visible characters, inner spaces).
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_OUR_HEADERS = re.compile(
    r"host|content-.*|transfer-encoding|connection|user-agent|webhook-.*|x-idempotency-key"
    r"|fastsmtp-.*",
    re.IGNORECASE,
)


def validate_headers(headers: object) -> None:
    """Raises ValidationError for a header that we set ourselves or that HTTP does not allow."""
    if not isinstance(headers, dict):
        raise ValidationError("must be an object of header names and values", code="not_a_dict")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValidationError(f"“{name}” is not a header name", code="invalid_header")
        if _OUR_HEADERS.fullmatch(name):
            raise ValidationError(f"{name} is set by FastSMTP", code="reserved_header")
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ValidationError(f"the value of {name} is not allowed", code="invalid_header")


def normalize_local_part(text: str) -> str:
    """Unquoted and lower-case: MariaDB has no unique index on an expression. `*` is what people
    write for the catch-all. Raises ValidationError."""
    local_part = text.strip()
    if local_part == "*":
        return CATCH_ALL
    try:
        return parse_mailbox(f"{local_part}@example.com").local_part.lower()
    except ValueError as error:
        raise ValidationError(str(error), code="invalid_local_part") from None


class LocalPartField(models.CharField):
    def clean(self, value: Any, model_instance: models.Model | None) -> str:
        return super().clean(normalize_local_part(value), model_instance)


class Recipient(DirectoryEntry):
    """An address, and the webhook that gets its mail. An empty local part is the catch-all."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="recipients")
    local_part = LocalPartField(max_length=64, blank=True, default=CATCH_ALL)
    webhook_url = models.CharField(max_length=2048)
    webhook_headers = EncryptedJSONField(default=dict, blank=True, validators=[validate_headers])
    is_enabled = models.BooleanField(default=True)

    warnings: tuple[str, ...] = ()  # what `full_clean` accepted, but somebody should know

    class Meta:
        db_table = "recipients"
        ordering = ["local_part"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "local_part"], name="one_recipient_per_local_part"
            )
        ]

    def __str__(self) -> str:
        return self.address

    def clean(self) -> None:
        if not self.webhook_url:
            return
        try:
            warning = validate_webhook_url(self.webhook_url)
        except ValidationError as error:
            raise ValidationError({"webhook_url": error}) from None
        self.warnings = (warning,) if warning else ()

    def unique_error_message(
        self, model_class: type[models.Model], unique_check: Sequence[str]
    ) -> ValidationError:
        """Of the only thing that is unique."""
        return ValidationError(f"{self.address} exists already", code="unique_together")

    @property
    def address(self) -> str:
        return f"{self.local_part or '*'}@{self.domain}"

    @property
    def has_lost_headers(self) -> bool:
        """No key opens them: calls fail until they are set anew."""
        return self.webhook_headers is UNREADABLE

    @property
    def known_headers(self) -> dict[str, str]:
        return {} if self.has_lost_headers else self.webhook_headers

    @property
    def is_catch_all(self) -> bool:
        return self.local_part == CATCH_ALL
