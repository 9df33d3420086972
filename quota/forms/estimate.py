"""The estimator beside a first purchase: a few numbers, none of them needed."""

from django import forms

from quota.models import Tariff
from quota.rules.estimate import Need, need

CYCLES = [
    (1, "Every day"),
    (7, "Every 7 days"),
    (15, "Every 15 days"),
    (30, "Every 30 days"),
]
MOST = 1_000_000
WRONG = ("invalid", "min_value", "max_value")
ERRORS = dict.fromkeys(WRONG, "Enter a whole number from 0 to 1,000,000.")


class EstimateForm(forms.Form):
    """How many images there are, how many come, and how often they are scanned."""

    images = forms.IntegerField(
        required=False, min_value=0, max_value=MOST, error_messages=ERRORS
    )
    weekly = forms.IntegerField(
        required=False, min_value=0, max_value=MOST, error_messages=ERRORS
    )
    cycle = forms.TypedChoiceField(required=False, choices=CYCLES, coerce=int)

    def need(self, tariff: Tariff) -> Need | None:
        """What that takes, or None when no image is named."""
        data = self.cleaned_data
        images, weekly = data.get("images") or 0, data.get("weekly") or 0
        if not (images or weekly):
            return None
        return need(
            images=images,
            new_a_week=weekly,
            cycle_days=data.get("cycle") or 7,
            first_tenths=tariff.first_tenths,
            repeat_tenths=tariff.repeat_tenths,
            step=tariff.step,
        )
