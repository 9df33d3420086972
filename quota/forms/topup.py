"""*Top up*, and the filter of movements: they parse and word; services decide."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms

from accounts.models import BalanceEntry
from accounts.money import format_money
from accounts.services.topping_up import LARGEST, SMALLEST
from quota.pages.balance import Asked


class TopUpForm(forms.Form):
    """An amount within the limits, and a way to pay that is set up."""

    amount = forms.CharField(max_length=20)
    method = forms.ChoiceField(
        error_messages={
            "required": "Choose how to pay.",
            "invalid_choice": "This way to pay is not available. Choose another.",
        }
    )
    key = forms.UUIDField()

    def __init__(
        self, *args: Any, currency: str, methods: list[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["method"].choices = [(each, each) for each in methods]  # type: ignore[attr-defined]
        low, high = (format_money(each, currency) for each in (SMALLEST, LARGEST))
        self.limits = f"Enter {low} to {high}."
        self.fields["amount"].error_messages = dict.fromkeys(
            ("required", "max_length"), self.limits
        )

    def clean_amount(self) -> Decimal:
        """Plain or as it is printed: ``1000``, ``$1,000.00``."""
        text = self.cleaned_data["amount"].replace(",", "").replace("$", "").strip()
        field = forms.DecimalField(
            min_value=SMALLEST, max_value=LARGEST, max_digits=14, decimal_places=2
        )
        try:
            return Decimal(field.clean(text))
        except forms.ValidationError as error:
            raise forms.ValidationError(self.limits) from error

    @staticmethod
    def new_key() -> str:
        """A key for one press."""
        return str(uuid4())


class NeedForm(forms.Form):
    """What the page was opened for: a shortfall, or an amount taken from a preset."""

    need = forms.DecimalField(
        required=False, min_value=Decimal("0.01"), max_digits=14, decimal_places=2
    )
    amount = forms.CharField(required=False, max_length=20)


class MovementsForm(forms.Form):
    """Unknown choices mean "any", never an error page."""

    kind = forms.ChoiceField(
        required=False, choices=[("", "Any movement"), *BalanceEntry.Kind.choices]
    )
    year = forms.IntegerField(required=False, min_value=2000, max_value=9998)
    after = forms.CharField(required=False, max_length=500)

    def asked(self) -> Asked:
        """The filter. Call ``is_valid()`` first."""
        return Asked(
            kind=self.cleaned_data.get("kind", ""), year=self.cleaned_data.get("year")
        )
