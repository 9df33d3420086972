"""The filters of *Findings*, and a decision about one."""

from dataclasses import replace

from django import forms

from accounts.models import Account
from quota.models import FindingFilter, Image, TriageState
from quota.models.screening import Fixable
from quota.pages.findings import KINDS, FindingSort
from quota.scanners.port import Severity

LONGEST_NOTE = 500


class FindingFilterForm(forms.Form):
    """Reads the filter and the sort from a query string; unknown choices mean "any"."""

    kind = forms.ChoiceField(required=False, choices=list(KINDS.items()))
    q = forms.CharField(required=False, max_length=200)
    severity = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any severity"),
            *[(each.value, each.value.capitalize()) for each in Severity],
        ],
    )
    fixable = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Fixable or not"),
            (Fixable.YES.value, "Fix known"),
            (Fixable.NO.value, "No fix known"),
        ],
    )
    state = forms.ChoiceField(
        required=False, choices=[("", "Any decision"), *TriageState.choices]
    )
    sort = forms.ChoiceField(
        required=False, choices=[(each.value, each.value) for each in FindingSort]
    )
    after = forms.CharField(required=False, max_length=500)
    image = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def chosen(self) -> FindingFilter:
        """The filter. Call ``is_valid()`` first; a bad choice counts as "any"."""
        data = self.cleaned_data
        return FindingFilter(
            kind=data.get("kind") or next(iter(KINDS)),
            text=data.get("q", ""),
            severity=data.get("severity", ""),
            fixable=data.get("fixable", ""),
            state=data.get("state", ""),
            image=data.get("image"),
        )

    def exported(self) -> FindingFilter:
        """The filter of an export: of all kinds, where none was named."""
        chosen = self.chosen()
        return chosen if self.cleaned_data.get("kind") else replace(chosen, kind="")

    def sort_by(self) -> FindingSort:
        """The sort; by severity unless said otherwise."""
        return FindingSort(self.cleaned_data.get("sort") or FindingSort.SEVERITY)


class TriageForm(forms.Form):
    """A decision about a finding, for one image or for all."""

    state = forms.TypedChoiceField(
        choices=TriageState.choices,
        coerce=TriageState,
        error_messages={
            "required": "Choose what you decided.",
            "invalid_choice": "Choose one of the decisions offered.",
        },
    )
    image = forms.ModelChoiceField(
        Image.objects.none(),
        required=False,
        error_messages={"invalid_choice": "Choose an image that has this finding."},
    )
    note = forms.CharField(
        required=False,
        max_length=LONGEST_NOTE,
        error_messages={"max_length": f"Keep the note to {LONGEST_NOTE} characters."},
    )

    def __init__(self, *args: object, account: Account, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        images = Image.objects.filter(account=account)
        self.fields["image"].queryset = images  # type: ignore[attr-defined]
