"""Forms of the back office about money: they parse and word; services decide."""

from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.utils import timezone

from accounts.models import Account, TopUp
from accounts.payments.references import creditor_reference

FURTHEST_AHEAD = timedelta(hours=14)
CENTS: dict[str, Any] = {"max_digits": 14, "decimal_places": 2}


class AccountField(forms.CharField):
    """An account by its short name, or by the reference a customer wrote."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault(
            "help_text",
            "The short name from the account's address, or the reference that begins"
            " with RF.",
        )
        super().__init__(max_length=60, **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the account itself."""
        text = super().clean(value)
        compact = text.upper().replace(" ", "")
        if compact.startswith("RF") and compact[2:].isdecimal():
            return self._by_reference(compact)
        account = Account.objects.filter(slug=text.strip().lower()).first()
        if account is None:
            raise forms.ValidationError("There is no account of this name.")
        return account

    def _by_reference(self, compact: str) -> Account:
        number = int(compact[4:] or 0)
        whole = creditor_reference(number).replace(" ", "") == compact
        top_up = TopUp.objects.filter(pk=number).first() if whole else None
        if top_up is None:
            raise forms.ValidationError("No top-up has this reference. Check it.")
        return top_up.account


class TransferForm(forms.Form):
    """The four fields of a line of the bank statement."""

    account = AccountField()
    amount = forms.DecimalField(min_value=Decimal("0.01"), **CENTS)
    bank_reference = forms.CharField(
        max_length=80,
        help_text="The bank's own number of the transfer, from the statement.",
    )
    value_on = forms.DateField(
        label="Value date", widget=forms.DateInput(attrs={"type": "date"})
    )

    def clean_value_on(self) -> Any:
        """No day that has begun nowhere on earth."""
        value_on = self.cleaned_data["value_on"]
        if value_on > (timezone.now().astimezone(UTC) + FURTHEST_AHEAD).date():
            raise forms.ValidationError("This date is in the future.")
        return value_on


class MovementReasonForm(forms.Form):
    """Why the balance moves: the customer reads it."""

    reason = forms.CharField(
        max_length=300, help_text="Shown to the customer beside the movement."
    )


class AdjustmentForm(forms.Form):
    """A correction, up or down."""

    account = AccountField()
    amount = forms.DecimalField(
        help_text="Negative to take money from the balance.", **CENTS
    )
    reason = forms.CharField(
        max_length=300, help_text="Shown to the customer beside the movement."
    )
    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def clean_amount(self) -> Any:
        """Zero corrects nothing."""
        if not self.cleaned_data["amount"]:
            raise forms.ValidationError("Enter an amount other than zero.")
        return self.cleaned_data["amount"]
