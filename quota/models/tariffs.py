"""The catalogue: every price, step and weight, as immutable dated rows."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q


class TariffQuerySet(models.QuerySet["Tariff"]):
    """Tariffs by date."""

    def in_force(self, currency: str, now: datetime) -> "Tariff":
        """Return the newest row of ``currency`` that is valid at ``now``."""
        return self.valid(currency, now)[:1].get()

    def valid(self, currency: str, now: datetime) -> Self:
        """The rows of ``currency`` that have come into force, the newest leading."""
        valid = self.filter(currency=currency, valid_from__lte=now)
        return valid.order_by("-valid_from")


class Tariff(models.Model):
    """One dated row of the catalogue. Never changed: a new price is a new row."""

    currency = models.CharField(max_length=3)
    valid_from = models.DateTimeField()
    edition_price = models.DecimalField(max_digits=12, decimal_places=6)
    quota_price = models.DecimalField(max_digits=12, decimal_places=6)
    first_tenths = models.PositiveSmallIntegerField(default=10)
    repeat_tenths = models.PositiveSmallIntegerField(default=1)
    step = models.PositiveIntegerField(default=300)
    max_quantity = models.PositiveIntegerField(default=300_000)

    objects = TariffQuerySet.as_manager()

    class Meta:
        permissions = [("edit_tariff", "Can add a new version of a tariff")]
        constraints = [
            models.UniqueConstraint(
                "currency", "valid_from", name="tariff_one_in_force_per_currency"
            ),
            models.CheckConstraint(
                name="tariff_prices_positive",
                condition=Q(edition_price__gt=0, quota_price__gt=0),
            ),
            models.CheckConstraint(
                name="tariff_repeat_never_dearer_than_first",
                condition=Q(repeat_tenths__gte=1, first_tenths__gte=F("repeat_tenths")),
            ),
            models.CheckConstraint(
                name="tariff_step_fits",
                condition=Q(step__gte=1, max_quantity__gte=F("step")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.currency} from {self.valid_from:%Y-%m-%d}"
