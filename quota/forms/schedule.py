"""*Scheduled scan settings*: what the form says, and what is wrong beside its field."""

from datetime import time
from typing import Any

from django import forms

from quota.forms.fields import NamesLeftOut
from quota.forms.scan import CATEGORIES, ImageIds
from quota.models import Kind, Scope
from quota.models.schedules import Settings
from quota.rules.scheduling import CYCLES, check_times

CYCLE_WORDS = {1: "Every day", 7: "Every week"}
SCOPES = (Scope.RECOMMENDED, Scope.SELECTED, Scope.ALL)
TIME = "Enter a time such as 02:00."


class ScheduleForm(forms.Form):
    """``settings()`` is what the service takes; ``revision`` what it was made from."""

    is_on = forms.BooleanField(required=False)
    cycle_days = forms.TypedChoiceField(
        coerce=int,
        choices=[
            (str(days), CYCLE_WORDS.get(days, f"Every {days} days")) for days in CYCLES
        ],
        error_messages={
            "required": "Choose a scan cycle.",
            "invalid_choice": "Choose a scan cycle of 1, 7, 15 or 30 days.",
        },
    )
    start = forms.TimeField(error_messages={"required": TIME, "invalid": TIME})
    stop_by = forms.TimeField(required=False, error_messages={"invalid": TIME})
    categories = forms.MultipleChoiceField(
        choices=CATEGORIES,
        error_messages={
            "required": "Choose at least one risk category.",
            "invalid_choice": "There is no risk category %(value)s.",
        },
    )
    scope = forms.ChoiceField(
        choices=[(scope.value, scope.value) for scope in SCOPES],
        error_messages={
            "required": "Choose which images to scan.",
            "invalid_choice": "Choose which images to scan.",
        },
    )
    image = ImageIds(required=False)
    left_out = NamesLeftOut(required=False)
    latest_only = forms.BooleanField(required=False)
    other_platforms = forms.BooleanField(required=False)
    fit = forms.ChoiceField(
        required=False,
        choices=[("", "Skip the run"), ("1", "Scan what fits")],
        error_messages={"invalid_choice": "Choose what happens when quota is short."},
    )
    revision = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        start = _minute(data.get("start"))
        if start is not None:
            try:
                check_times(start, _minute(data.get("stop_by")))
            except ValueError as error:
                self.add_error("stop_by", str(error))
        if data.get("scope") == Scope.SELECTED and not data.get("image"):
            self.add_error("image", "Choose at least one image.")
        return data

    def settings(self, kind: Kind) -> Settings:
        """What it says. Call ``is_valid()`` first."""
        data = self.cleaned_data
        start, stop_by = _minute(data["start"]), _minute(data["stop_by"])
        assert start  # noqa: S101 -- required
        return Settings(
            is_on=data["is_on"],
            cycle_days=data["cycle_days"],
            start=start,
            stop_by=stop_by,
            categories=tuple(data["categories"]),
            scope=Scope(data["scope"]),
            images=data["image"],
            left_out=data["left_out"],
            latest_only=data["latest_only"] and kind is Kind.REPOSITORY,
            other_platforms=data["other_platforms"],
            fit=bool(data["fit"]),
        )

    @staticmethod
    def fields_of(settings: Settings, revision: int) -> dict[str, list[str]]:
        """A saved schedule as its form would send it."""
        stop_by = settings.stop_by.strftime("%H:%M") if settings.stop_by else ""
        fields = {
            "is_on": ["1"] if settings.is_on else [],
            "cycle_days": [str(settings.cycle_days)],
            "start": [settings.start.strftime("%H:%M")],
            "stop_by": [stop_by],
            "categories": list(settings.categories),
            "scope": [settings.scope.value],
            "image": [str(image) for image in settings.images],
            "left_out": ["\n".join(settings.left_out)],
            "latest_only": ["1"] if settings.latest_only else [],
            "other_platforms": ["1"] if settings.other_platforms else [],
            "fit": ["1" if settings.fit else ""],
            "revision": [str(revision)],
        }
        return {name: values for name, values in fields.items() if values}


def _minute(clock: time | None) -> time | None:
    """Schedules count whole minutes."""
    return clock.replace(second=0, microsecond=0) if clock else None
