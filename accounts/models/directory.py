"""The directory: which addresses exist, and what rules say about their mail. Ingest and routing
cache it and follow one version number.
"""

from typing import Any

from django.db import models, transaction
from django.db.models import F

from fastsmtp.orm import Record


class DirectoryVersion(models.Model):
    """A single row, raised in the transaction of every change of the directory."""

    version = models.BigIntegerField(default=0)

    class Meta:
        db_table = "directory_version"

    def __str__(self) -> str:
        return str(self.version)

    @classmethod
    def current(cls) -> int:
        return cls.objects.filter(pk=1).values_list("version", flat=True).first() or 0

    @classmethod
    def bump(cls) -> None:
        if not cls.objects.filter(pk=1).update(version=F("version") + 1):
            cls.objects.get_or_create(pk=1, defaults={"version": 1})


class DirectoryQuerySet(models.QuerySet[Any]):
    """Changes of many rows count too: Django calls neither save() nor delete() for them."""

    def update(self, **values: Any) -> int:
        with transaction.atomic():
            DirectoryVersion.bump()
            return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            DirectoryVersion.bump()
            return super().delete()

    def bulk_create(self, objs: Any, *args: Any, **options: Any) -> list[Any]:
        with transaction.atomic():
            DirectoryVersion.bump()
            return super().bulk_create(objs, *args, **options)


class DirectoryEntry(Record):
    """Base of the rows that decide whether an address exists, and what becomes of its mail."""

    objects = DirectoryQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            DirectoryVersion.bump()
            super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            DirectoryVersion.bump()
            return super().delete(*args, **options)
