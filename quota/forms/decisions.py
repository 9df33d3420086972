"""What staff enter to decide a refund."""

from decimal import Decimal

from django import forms

from quota.models import RefundRequest
from quota.services.deciding import Decision

HOLDS = RefundRequest.Holds.choices
AMOUNT = {
    "required": "Enter the amount to approve.",
    "invalid": "Enter an amount such as 35.35.",
    "max_digits": "Enter an amount such as 35.35.",
    "max_decimal_places": "Enter whole cents.",
    "max_whole_digits": "Enter an amount such as 35.35.",
}


class ApproveForm(forms.Form):
    """The amount, the proposal it was entered beside, and what the customer reads."""

    seen = forms.DecimalField(max_digits=14, decimal_places=2)
    amount = forms.DecimalField(max_digits=14, decimal_places=2, error_messages=AMOUNT)
    answer = forms.CharField(required=False, max_length=500)
    holds = forms.ChoiceField(choices=HOLDS, required=False)

    def decision(self) -> Decision:
        """What is decided."""
        data = self.cleaned_data
        return Decision(
            seen=Decimal(data["seen"]),
            amount=Decimal(data["amount"]),
            answer=data["answer"].strip(),
            holds=data["holds"],
        )


class ConfirmForm(forms.Form):
    """The second person's: the proposal that was on the page, and what of the scans."""

    seen = forms.DecimalField(max_digits=14, decimal_places=2)
    holds = forms.ChoiceField(choices=HOLDS, required=False)


class RejectForm(forms.Form):
    """Why not."""

    answer = forms.CharField(
        max_length=500,
        error_messages={"required": "Give a reason the customer can read."},
    )
