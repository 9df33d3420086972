"""The filters of the list of tasks: unknown choices mean "any", never an error page."""

from typing import Any

from django import forms

from accounts.models import Account, Member
from quota.models import Kind
from quota.pages.tasks import SCHEDULE, TaskFilter

DAYS = [
    ("", "Any date"),
    ("1", "Today"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
]


class TaskFilterForm(forms.Form):
    """Reads the filter from a query string."""

    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Any state"),
            ("live", "Waiting or scanning"),
            ("finished", "Finished"),
            ("failed", "With failures"),
            ("stopped", "Stopped or undone"),
        ],
    )
    kind = forms.ChoiceField(
        required=False,
        choices=[
            ("", "Local and repository"),
            (Kind.LOCAL.value, "Local"),
            (Kind.REPOSITORY.value, "Repository"),
        ],
    )
    who = forms.ChoiceField(required=False)
    days = forms.ChoiceField(required=False, choices=DAYS)
    after = forms.CharField(required=False, max_length=500)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members = Member.objects.filter(account=account).select_related("user")
        people = sorted((str(each.user), str(each.user_id)) for each in members)
        who = self.fields["who"]
        assert isinstance(who, forms.ChoiceField)  # noqa: S101 -- declared above
        who.choices = [
            ("", "Anyone or schedule"),
            (SCHEDULE, "Schedule"),
            *((number, name) for name, number in people),
        ]

    def chosen(self) -> TaskFilter:
        """The filter. Call ``is_valid()`` first; a bad choice counts as "any"."""
        data = self.cleaned_data
        names = ("state", "kind", "who", "days")
        return TaskFilter(**{name: data.get(name, "") for name in names})
