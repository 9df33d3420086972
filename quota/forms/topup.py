"""*Top up*, and the filter of movements: they parse and word; services decide."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.http import QueryDict
from django.urls import reverse

from accounts.models import Account, BalanceEntry
from accounts.money import format_money
from accounts.services.topping_up import LARGEST, SMALLEST
from quota.pages.balance import Asked

LONGEST = 1_500


def amount_of(text: str) -> Decimal:
    """What was typed, or ``ValidationError`` if it is no amount within the limits."""
    field = forms.DecimalField(
        min_value=SMALLEST, max_value=LARGEST, max_digits=14, decimal_places=2
    )
    return Decimal(field.clean(text.replace(",", "").replace("$", "").strip()))


def printed(text: str, currency: str) -> str:
    """``$50.00`` for what was typed, nothing for what is no amount."""
    try:
        return format_money(amount_of(text), currency)
    except forms.ValidationError:
        return ""


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
        try:
            return amount_of(self.cleaned_data["amount"])
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
    method = forms.CharField(required=False, max_length=20)


def then_of(data: QueryDict, account: Account) -> str:
    """The purchase or renewal that the money is for, with what was filled in: a path
    of this account; empty for any other."""
    then = data.get("then", "")
    pages = ("quota:purchase", "quota:subscription")
    known = [reverse(page, args=[account.slug]) for page in pages]
    fits = len(then) <= LONGEST and then.partition("?")[0] in known
    return then if fits else ""


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
