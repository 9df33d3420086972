"""Fields that say their unit."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.money import is_cents


class MoneyField(models.DecimalField):  # type: ignore[type-arg]
    """An exact amount in whole cents; refuses to save anything finer.

    A plain DecimalField would round in the database while the object in memory keeps
    the unrounded value.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 14, "decimal_places": 2})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, Decimal) and not is_cents(value):
            raise ValidationError(f"{value} is not a whole number of cents.")
        return super().get_db_prep_save(value, connection)
