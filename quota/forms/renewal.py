"""Renewal: parses months and a quantity for each pack; the service decides."""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from django import forms
from django.http import QueryDict

from quota.forms.purchase import PurchaseForm
from quota.quotes import RenewalBasket
from quota.rules.units import parse_number, parse_quantity

OTHER = "other"
MONTHS = "Choose 1 to 36 months."
PACK = re.compile("pack_([0-9]{1,18})")
DELTA = re.compile("-?[0-9]{1,9}")


class RenewalForm(forms.Form):
    """How long, and at how many scans a month the packs that it names are kept. A
    stepper without JavaScript sends ``step``, which moves one of ``packs``: the ids of
    those on offer, with what they have now."""

    months = forms.CharField(required=False, max_length=9, initial="1")
    other = forms.CharField(required=False, max_length=9)
    step = forms.CharField(required=False, max_length=40)
    key = forms.UUIDField(required=False)
    state = forms.CharField(required=False, max_length=80)
    total = forms.DecimalField(required=False, max_digits=14, decimal_places=2)

    def __init__(self, data: QueryDict, *, packs: Mapping[int, int]) -> None:
        super().__init__(data)
        self.packs = packs
        self.kept: dict[int, int] = {}

    def clean(self) -> dict[str, object]:
        """Read the length and the quantities; what is not sold the service refuses."""
        cleaned = super().clean() or {}
        chosen = cleaned.get("months") or "1"
        text = cleaned.get("other", "") if chosen == OTHER else chosen
        cleaned["months"] = self._number("months", str(text), MONTHS)
        for name, given in self.data.items():
            if pack := PACK.fullmatch(name):
                self.kept[int(pack[1])] = self._quantity(given.strip()[:20])
        self._take_step(str(cleaned.get("step") or ""))
        return cleaned

    def _number(self, field: str, text: str, words: str) -> int:
        try:
            return parse_quantity(text)
        except ValueError:
            self.add_error(field, words)
            return 0

    def _quantity(self, text: str) -> int:
        try:
            return parse_quantity(text)
        except ValueError as wrong:
            self.add_error(None, str(wrong))
            return 0

    def _take_step(self, step: str) -> None:
        pack, _, delta = step.partition(":")
        number = parse_number(pack)
        if number in self.packs and DELTA.fullmatch(delta):
            moved = self.kept.get(number, self.packs[number]) + int(delta)
            self.kept[number] = min(max(0, moved), self.packs[number])

    def basket(self) -> RenewalBasket:
        """What is asked for, whatever has become of the packs since."""
        return RenewalBasket(self.cleaned_data["months"], self.kept)

    def offered(self) -> RenewalBasket:
        """The same of the packs on offer alone."""
        asked = self.basket()
        kept = {pack: n for pack, n in asked.kept.items() if pack in self.packs}
        return replace(asked, kept=kept)

    def total_seen(self) -> Decimal:
        """The total that was on the button."""
        return Decimal(self.cleaned_data.get("total") or 0)

    new_key = staticmethod(PurchaseForm.new_key)
