"""The filters of the ledger: unknown choices mean "any", never an error page."""

from django import forms

from quota.pages.usage import TYPES, Asked


class EntriesForm(forms.Form):
    """Reads a type and a day from a query string."""

    kind = forms.ChoiceField(
        required=False,
        choices=[("", "Any type"), *((name, t[0]) for name, t in TYPES.items())],
    )
    day = forms.DateField(required=False)
    after = forms.CharField(required=False, max_length=500)

    def asked(self) -> Asked:
        """The filter. Call ``is_valid()`` first; a bad choice counts as "any"."""
        day = self.cleaned_data.get("day")
        return Asked(
            kind=self.cleaned_data.get("kind", ""), day=day.isoformat() if day else ""
        )
