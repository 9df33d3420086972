"""Forms of the back office: they parse and word; services decide."""

from datetime import UTC
from decimal import Decimal
from typing import Any

from django import forms

from quota.models import Tariff
from quota.services.back_office import PRICES


class TariffForm(forms.ModelForm):  # type: ignore[type-arg]
    """The next version of a tariff: what may differ, and from when."""

    valid_from = forms.DateTimeField(
        help_text="In UTC, such as 2027-01-01 00:00. Sold quota keeps its prices."
    )
    edition_price = forms.DecimalField(
        min_value=Decimal("0.000001"), max_digits=12, decimal_places=6,
        help_text="Professional Edition, per core and month.",
    )  # fmt: skip
    quota_price = forms.DecimalField(
        min_value=Decimal("0.000001"), max_digits=12, decimal_places=6,
        help_text="Image scan, per quota and month.",
    )  # fmt: skip
    reason = forms.CharField(max_length=500, label="Reason, for the audit log")

    class Meta:
        model = Tariff
        fields = ("valid_from", *PRICES)

    def clean_valid_from(self) -> Any:
        """What was typed is meant in UTC."""
        return self.cleaned_data["valid_from"].astimezone(UTC)

    def prices(self) -> dict[str, Decimal | int]:
        """The prices, steps and weights entered."""
        return {name: self.cleaned_data[name] for name in PRICES}
