"""The filters of the ledger: unknown choices mean "any", never an error page."""

from datetime import date

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from quota.pages.breakdown import WAYS
from quota.pages.ledger_filter import IMAGES, TYPES, Asked
from quota.rules.units import parse_number

# A day's two midnights are instants in every zone.
FIRST, LAST = date(2000, 1, 1), date(9998, 12, 31)


class EntriesForm(forms.Form):
    """Reads a month, a type, a day and a word from a query string."""

    month = forms.CharField(required=False, max_length=18)
    kind = forms.ChoiceField(
        required=False,
        choices=[("", "Any type"), *((name, t[0]) for name, t in TYPES.items())],
    )
    day = forms.DateField(
        required=False, validators=[MinValueValidator(FIRST), MaxValueValidator(LAST)]
    )
    q = forms.CharField(required=False, max_length=200)
    of = forms.ChoiceField(required=False, choices=[("", ""), (IMAGES, IMAGES)])
    after = forms.CharField(required=False, max_length=500)

    def asked(self) -> Asked:
        """The filter. Call ``is_valid()`` first; a bad choice counts as "any"."""
        data = self.cleaned_data
        day, month = data.get("day"), parse_number(data.get("month", ""))
        return Asked(
            month=str(month) if month else "",
            kind=data.get("kind", ""),
            day=day.isoformat() if day else "",
            q=data.get("q", ""),
            of=data.get("of", ""),
        )


class BreakdownForm(forms.Form):
    """Reads a month and a way to break it down from a query string."""

    month = forms.CharField(required=False, max_length=18)
    by = forms.ChoiceField(required=False, choices=list(WAYS.items()))

    def asked(self) -> tuple[str, str]:
        """The month and the way. Call ``is_valid()`` first; a bad choice counts as the
        open months, and as the source."""
        month = parse_number(self.cleaned_data.get("month", ""))
        return str(month or ""), self.cleaned_data.get("by") or "source"
