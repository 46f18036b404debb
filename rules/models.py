import re

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import DirectoryEntry, Domain
from fastsmtp.archive import find_archive_warnings
from fastsmtp.webhook_url import validate_webhook_url
from rules.conditions import compile_condition
from rules.values import InvalidCondition

MAX_TAGS = 20  # of one rule
MAX_ENABLED_RULES = 1_000  # of a domain: ordinary ones take 3 ms of a mail of 4 KB

_TAG = re.compile(r"[^\s,](?:[^,]{0,62}[^\s,])?")


def validate_tags(tags: object) -> None:
    """Raises ValidationError."""
    if not isinstance(tags, list):
        raise ValidationError("must be a list of tags", code="not_a_list")
    if len(tags) > MAX_TAGS:
        raise ValidationError(f"a rule adds at most {MAX_TAGS} tags", code="too_many_tags")
    for tag in tags:
        if not isinstance(tag, str) or not _TAG.fullmatch(tag) or not tag.isprintable():
            raise ValidationError(
                "a tag is 1 to 64 characters without commas, control characters and outer spaces",
                code="invalid_tag",
            )


class RuleSet(DirectoryEntry):
    """Rules that belong together. Sets are evaluated by priority, highest first, then by name."""

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, related_name="rulesets")
    name = models.CharField(max_length=255)
    priority = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(1000)])
    stop_on_match = models.BooleanField(default=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        db_table = "rulesets"
        ordering = ["-priority", "name"]
        constraints = [
            models.UniqueConstraint(fields=["domain", "name"], name="one_ruleset_name_per_domain")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not RuleSet.objects.filter(pk=self.pk, is_enabled=True).exists():
            self.check_room()

    def check_room(self, added: int = 0) -> None:
        """Whether its domain has room for its rules and so many more. Raises ValidationError.

        Counted without a lock: those who save at the same moment may together exceed the limit.
        """
        if not self.is_enabled:
            return
        others = Q(ruleset__domain=self.domain_id, ruleset__is_enabled=True)
        if Rule.objects.filter(Q(ruleset=self.pk) | others).count() + added > MAX_ENABLED_RULES:
            raise ValidationError(
                f"a domain has at most {MAX_ENABLED_RULES:,} enabled rules;"
                " delete some or disable a rule set",
                code="too_many_rules",
            )


class Rule(DirectoryEntry):
    """One condition and what follows from it."""

    class Operator(models.TextChoices):
        EQUALS = "equals"
        NOT_EQUALS = "not_equals"
        CONTAINS = "contains"
        NOT_CONTAINS = "not_contains"
        STARTS_WITH = "starts_with"
        ENDS_WITH = "ends_with"
        MATCHES = "matches"
        REGEX = "regex"
        GREATER_THAN = "greater_than"
        LESS_THAN = "less_than"
        EXISTS = "exists"
        IN = "in"

    class Action(models.TextChoices):
        FORWARD = "forward"
        DROP = "drop"
        TAG = "tag"
        QUARANTINE = "quarantine"

    ruleset = models.ForeignKey(RuleSet, on_delete=models.CASCADE, related_name="rules")
    order = models.PositiveIntegerField(default=0)
    field = models.CharField(max_length=255)
    operator = models.CharField(max_length=20, choices=Operator)
    value = models.TextField(blank=True)
    case_sensitive = models.BooleanField(default=False)
    action = models.CharField(max_length=20, choices=Action, default=Action.FORWARD)
    webhook_url_override = models.CharField(max_length=2048, blank=True)
    add_tags = models.JSONField(default=list, blank=True)
    preserve_raw = models.BooleanField(default=False)

    warnings: tuple[str, ...] = ()  # what `full_clean` accepted, but somebody should know

    class Meta:
        db_table = "rules"
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"{self.action} when {self.field} {self.operator} {self.value}".rstrip()

    def clean(self) -> None:
        self.warnings = find_archive_warnings() if self.preserve_raw else ()
        errors: dict[str, ValidationError] = {}
        for name, check in (
            ("value", self._check_condition),
            ("add_tags", self._check_tags),
            ("webhook_url_override", self._check_override),
            (NON_FIELD_ERRORS, self._check_room),
        ):
            try:
                check()
            except InvalidCondition as error:
                errors[error.part] = ValidationError(str(error), code="invalid_condition")
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)

    def _check_condition(self) -> None:
        if self.value is None:  # which Django lets pass, since it may be blank
            raise InvalidCondition("value", "must be a text")
        # A missing field or an unknown operator has its error already.
        if self.field and self.operator in self.Operator.values:
            compile_condition(
                field=self.field,
                operator=self.operator,
                value=self.value,
                case_sensitive=self.case_sensitive,
            )

    def _check_tags(self) -> None:
        validate_tags(self.add_tags)
        if self.action == self.Action.TAG and not self.add_tags:
            raise ValidationError("the action tag needs at least one tag", code="tags_missing")

    def _check_override(self) -> None:
        if not self.webhook_url_override:
            return
        if self.action != self.Action.FORWARD:
            raise ValidationError("only the action forward has another URL", code="not_forwarded")
        warning = validate_webhook_url(self.webhook_url_override)
        if warning:
            self.warnings += (warning,)

    def _check_room(self) -> None:
        if self._state.adding:
            self.ruleset.check_room(added=1)
