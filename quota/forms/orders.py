"""The filter of orders, and billing details: they parse and word; services decide."""

from django import forms

from quota.models import Order
from quota.pages.orders import PAID, PART, REFUNDED, Asked

LINES = 6


class OrdersForm(forms.Form):
    """Unknown choices mean "any", never an error page."""

    year = forms.IntegerField(required=False, min_value=2000, max_value=9998)
    kind = forms.ChoiceField(
        required=False, choices=[("", "Any type"), *Order.Kind.choices]
    )
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any state"),
            (PAID, "Paid"),
            (PART, "Part refunded"),
            (REFUNDED, "Refunded"),
        ],
    )
    after = forms.CharField(required=False, max_length=500)

    def asked(self) -> Asked:
        """The filter. Call ``is_valid()`` first."""
        data = self.cleaned_data
        return Asked(
            year=data.get("year"),
            kind=data.get("kind", ""),
            state=data.get("state", ""),
        )


class BillingDetailsForm(forms.Form):
    """To whom invoices are written from now on."""

    name = forms.CharField(
        max_length=150, error_messages={"required": "Enter the name for invoices."}
    )
    address = forms.CharField(required=False, max_length=500)
    tax_id = forms.CharField(required=False, max_length=40)

    def clean_address(self) -> str:
        """A few lines, none of them empty."""
        typed = self.cleaned_data["address"].splitlines()
        lines = [line.strip() for line in typed if line.strip()]
        if len(lines) > LINES:
            raise forms.ValidationError(f"Use at most {LINES} lines.")
        return "\n".join(lines)
