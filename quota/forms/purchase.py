"""*Purchase additional quota*: parses and words; the service decides."""

from decimal import Decimal
from uuid import uuid4

from django import forms

from quota.quotes import Basket

WHOLE = {
    "required": "Enter how many scans a month to buy.",
    "invalid": "Enter a whole number of scans, such as 300.",
    "min_value": "Enter a multiple of 300, at least 300.",
    "max_value": "One purchase can add at most 300,000 scans a month.",
}

WRONG = ("invalid", "min_value", "max_value")


class PurchaseForm(forms.Form):
    """A pack, and Professional Edition with it where there is none yet; that can also
    be bought alone, with 0 scans a month."""

    quantity = forms.IntegerField(
        min_value=-(10**9), max_value=10**9, error_messages=WHOLE
    )
    cores = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        error_messages=dict.fromkeys(
            WRONG, "Enter a number of cores from 1 to 100,000."
        ),
    )
    months = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=36,
        error_messages=dict.fromkeys(WRONG, "Choose 1 to 36 months."),
    )
    delta = forms.IntegerField(required=False, min_value=-300_000, max_value=300_000)
    key = forms.UUIDField(required=False)
    state = forms.CharField(required=False, max_length=80)
    total = forms.DecimalField(required=False, max_digits=14, decimal_places=2)
    short = forms.BooleanField(required=False)

    def basket(self, *, with_edition: bool) -> Basket:
        """What is asked for; a stepper's press counts in ``delta``."""
        data = self.cleaned_data
        quantity = data["quantity"]
        if data.get("delta"):
            quantity = max(0 if with_edition else 300, quantity + data["delta"])
        return Basket(
            quantity=quantity,
            cores=(data.get("cores") or 1) if with_edition else 0,
            months=(data.get("months") or 1) if with_edition else 0,
        )

    def total_seen(self) -> Decimal:
        """The total that was on the button."""
        return Decimal(self.cleaned_data.get("total") or 0)

    @staticmethod
    def new_key() -> str:
        """A key for one press."""
        return str(uuid4())
