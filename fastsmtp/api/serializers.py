"""What the API's serializers share: the model validates."""

from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from rest_framework import serializers
from rest_framework.exceptions import NotFound

from fastsmtp.api.errors import Conflict


class CleanSerializer(serializers.ModelSerializer):
    """Checks types here and everything else by one `full_clean()` of the record, so that API,
    admin and commands refuse the same things in the same words.
    """

    def new_record(self) -> Any:
        """The record that a POST fills; a subclass sets what the path says."""
        return self.Meta.model()  # type: ignore[misc]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        self.record = self.instance or self.new_record()
        for name, value in attrs.items():
            setattr(self.record, name, value)
        self.record.full_clean()
        return attrs

    def save(self, **_: Any) -> Any:
        try:
            with transaction.atomic():
                self.write()
        except IntegrityError:
            # Another request took the name after `full_clean` had looked.
            raise Conflict from None
        except DatabaseError:
            if self.instance is None or self._is_there():
                raise
            raise NotFound from None
        self.instance = self.record
        return self.instance

    def to_representation(self, record: Any) -> dict[str, Any]:
        """With what `full_clean` accepted, but somebody should know."""
        shown = super().to_representation(record)
        warnings = getattr(record, "warnings", ())
        return shown | {"warnings": warnings} if warnings else shown

    def write(self) -> None:
        """Saves `record`; a subclass may have more to do. Of one that exists only what was sent:
        the rest of it may be changed at the same moment, or all of it deleted."""
        changed = [*self.validated_data, "updated_at"]
        self.record.save(update_fields=changed if self.instance else None)

    def _is_there(self) -> bool:
        return type(self.record)._default_manager.filter(pk=self.record.pk).exists()

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, options = super().build_standard_field(field_name, model_field)
        for option in ("validators", "max_length"):
            options.pop(option, None)
        return field_class, options

    def get_validators(self) -> list[Any]:
        return []
