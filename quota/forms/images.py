"""The filters of a list of images: unknown choices mean "any", never an error page."""

from typing import Any

from django import forms
from django.utils.safestring import SafeString

from quota.models import ImageFilter, Kind, Registry
from quota.pages import cells
from quota.pages.listed import Sort, sorts_of

STATES = (
    ("", "Any state"),
    ("not_scanned", "Not scanned"),
    ("queued", "Queued"),
    ("scanning", "Scanning"),
    ("scanned", "Scanned"),
    ("failed", "Failed"),
    ("stopped", "Stopped"),
)
RISKS = (
    ("", "Any risk"),
    ("high", "Critical or high"),
    ("trojans", "Has trojans"),
    ("sensitive", "Has sensitive data"),
    ("none", "No known risk"),
)
COSTS = (("", "Any cost"), ("first", "First scan"), ("repeat", "Repeat scan"))


class FilterForm(forms.Form):
    """Reads the filter and the sort from a query string."""

    q = forms.CharField(required=False, max_length=200)
    state = forms.ChoiceField(required=False, choices=STATES)
    risk = forms.ChoiceField(required=False, choices=RISKS)
    cost = forms.ChoiceField(required=False, choices=COSTS)
    running = forms.BooleanField(required=False)
    registry = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    type = forms.ChoiceField(
        required=False, choices=[("", "Any type"), *Registry.Type.choices]
    )
    namespace = forms.CharField(required=False, max_length=255)
    tag = forms.CharField(required=False, max_length=128)
    latest = forms.BooleanField(required=False)
    sort = forms.ChoiceField(
        required=False, choices=[(sort.value, sort.value) for sort in Sort]
    )
    after = forms.CharField(required=False, max_length=500)

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind

    def chosen(self) -> ImageFilter:
        """The filter. Call ``is_valid()`` first; a bad choice counts as "any"."""
        data = self.cleaned_data
        return ImageFilter(
            kind=self.kind,
            text=data.get("q", ""),
            state=data.get("state", ""),
            risk=data.get("risk", ""),
            cost=data.get("cost", ""),
            running=data.get("running", False),
            registry=data.get("registry") or 0,
            type=data.get("type", ""),
            namespace=data.get("namespace", ""),
            tag=data.get("tag", ""),
            latest=data.get("latest", False),
        )

    def options(self) -> dict[str, SafeString]:
        """The options of each select, with the chosen one marked."""
        data = self.cleaned_data
        return {
            "state": cells.options(STATES, data.get("state", "")),
            "risk": cells.options(RISKS, data.get("risk", "")),
            "cost": cells.options(COSTS, data.get("cost", "")),
        }

    def sort_by(self) -> Sort:
        """The sort; by latest activity unless said otherwise."""
        sort = Sort(self.cleaned_data.get("sort") or Sort.ACTIVE)
        return sort if sort in sorts_of(self.kind) else Sort.ACTIVE
