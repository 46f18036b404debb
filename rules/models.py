from django.core.validators import MaxValueValidator
from django.db import models

from accounts.models import Domain
from fastsmtp.orm import Record


class RuleSet(Record):
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


class Rule(Record):
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

    class Meta:
        db_table = "rules"
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"{self.action} when {self.field} {self.operator} {self.value}".rstrip()
