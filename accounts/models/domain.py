from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from accounts.models.directory import DirectoryEntry
from fastsmtp.archive import find_archive_warnings
from fastsmtp.mail.address import normalize_domain
from fastsmtp.orm import Record


class DomainNameField(models.CharField):
    """A domain name; cleaning gives it the form that we store and compare."""

    def clean(self, value: Any, model_instance: models.Model | None) -> str:
        try:
            name = normalize_domain(value or "")
        except ValueError as error:
            raise ValidationError(str(error), code="invalid_domain") from None
        return super().clean(name, model_instance)


class Domain(DirectoryEntry):
    """A tenant. A policy that is None follows the server's default."""

    domain_name = DomainNameField(max_length=253, unique=True)
    is_enabled = models.BooleanField(default=True)
    verify_dkim = models.BooleanField(null=True, blank=True)
    verify_spf = models.BooleanField(null=True, blank=True)
    reject_dkim_fail = models.BooleanField(null=True, blank=True)
    reject_spf_fail = models.BooleanField(null=True, blank=True)
    preserve_raw_message = models.BooleanField(null=True, blank=True)

    warnings: tuple[str, ...] = ()  # what `full_clean` accepted, but somebody should know

    class Meta:
        db_table = "domains"
        ordering = ["domain_name"]

    def __str__(self) -> str:
        return self.domain_name

    def clean(self) -> None:
        self.warnings = find_archive_warnings() if self.preserve_raw_message else ()


class Membership(Record):
    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)

    class Meta:
        db_table = "domain_members"
        constraints = [
            models.UniqueConstraint(fields=["user", "domain"], name="one_membership_per_domain")
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.domain}"
