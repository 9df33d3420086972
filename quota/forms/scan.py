"""*Scan now*: which images, what to look for, and what the person agreed to."""

from typing import Any
from uuid import uuid4

from django import forms

from quota.forms.fields import NamesLeftOut
from quota.forms.images import FilterForm
from quota.models import Kind, Scope, Selection
from quota.models.scans import DEFAULT_TIME_LIMIT
from quota.scanners.port import Category
from quota.services.scanning import Agreed, ScanRequest

CATEGORIES = [
    (Category.VULNERABILITIES.value, "Vulnerabilities"),
    (Category.TROJANS.value, "Trojans and viruses"),
    (Category.SENSITIVE_DATA.value, "Sensitive data"),
]
TITLES = {
    Scope.SELECTED: "Selected {0} images",
    Scope.MATCHING: "All {0} images matching a filter",
    Scope.RECOMMENDED: "Recommended {0} images",
    Scope.ALL: "All {0} images",
    Scope.RETRY: "Retry of task {1}",
    Scope.AGAIN: "Task {1} again",
}
MOST_TICKED = 5_000


class ImageIds(forms.Field):
    """Ticked images, as a tuple of primary keys."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[int, ...]:
        try:
            ids = tuple(sorted({int(each) for each in value or ()}))
        except ValueError as error:
            raise forms.ValidationError("Choose images from the list.") from error
        if any(not 0 < each < 2**63 for each in ids):
            raise forms.ValidationError("Choose images from the list.")
        if len(ids) > MOST_TICKED:
            raise forms.ValidationError(
                f"Tick at most {MOST_TICKED:,} images, or select all that match."
            )
        return ids


class ScanForm(forms.Form):
    """What to scan. ``request()`` and ``agreed()`` are what the service takes."""

    scope = forms.ChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope], required=False
    )
    image = ImageIds(required=False)
    retry = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    again = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    categories = forms.MultipleChoiceField(
        choices=CATEGORIES,
        error_messages={
            "required": "Choose at least one risk category.",
            "invalid_choice": "There is no risk category %(value)s.",
        },
    )
    minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_440,
        error_messages={
            "min_value": "Enter a time limit of 1 to 1,440 minutes.",
            "max_value": "Enter a time limit of 1 to 1,440 minutes.",
            "invalid": "Enter a time limit of 1 to 1,440 minutes.",
        },
    )
    left_out = NamesLeftOut(required=False)
    other_platforms = forms.BooleanField(required=False)
    fit = forms.BooleanField(required=False)
    key = forms.UUIDField(required=False)
    agreed_set = forms.CharField(required=False, max_length=80)
    agreed_cost = forms.IntegerField(required=False, min_value=0, max_value=2**40)
    agreed_images = forms.IntegerField(required=False, min_value=0, max_value=2**40)

    def __init__(self, *args: Any, kind: Kind, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        data["scope"] = data.get("scope") or self._implied_scope()
        chosen = data["scope"] == Scope.SELECTED
        if chosen and not data.get("image") and "image" not in self.errors:
            self.add_error("image", "Choose at least one image.")
        return data

    def _implied_scope(self) -> Scope:
        """What a link means that names images or a task, or neither."""
        data = self.cleaned_data
        if data.get("image"):
            return Scope.SELECTED
        if data.get("retry"):
            return Scope.RETRY
        return Scope.AGAIN if data.get("again") else Scope.RECOMMENDED

    @property
    def _task(self) -> int | None:
        """The earlier task whose images are meant."""
        return self.cleaned_data.get("retry") or self.cleaned_data.get("again")

    def selection(self) -> Selection:
        """The set of images meant; a filter travels as its own query parameters."""
        scope = Scope(self.cleaned_data.get("scope") or Scope.RECOMMENDED)
        filters = FilterForm(self.data, kind=self.kind)
        filters.is_valid()
        return Selection(
            scope=scope,
            ids=(self.cleaned_data.get("image", ()) if scope is Scope.SELECTED else ()),
            filter=filters.chosen(),
            kind=self.kind,
            left_out=self.cleaned_data.get("left_out", ()),
            other_platforms=self.cleaned_data.get("other_platforms", False),
            task=self._task if scope in {Scope.RETRY, Scope.AGAIN} else None,
        )

    def request(self, *, fit: bool) -> ScanRequest:
        """What the press asks for."""
        minutes = self.cleaned_data.get("minutes")
        return ScanRequest(
            selection=self.selection(),
            categories=tuple(self.cleaned_data["categories"]),
            title=TITLES[Scope(self.cleaned_data["scope"])].format(
                self.kind, self._task
            ),
            time_limit=minutes * 60 if minutes else DEFAULT_TIME_LIMIT,
            fit=fit,
        )

    def agreed(self) -> Agreed | None:
        """What the person saw when pressing, or None if nothing was shown."""
        data = self.cleaned_data
        if not data.get("agreed_set"):
            return None
        return Agreed(
            fingerprint=data["agreed_set"],
            cost_tenths=data.get("agreed_cost") or 0,
            images=data.get("agreed_images") or 0,
        )

    @staticmethod
    def new_key() -> str:
        """A key for one press."""
        return str(uuid4())
