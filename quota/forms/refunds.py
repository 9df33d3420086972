"""Asking for a refund: why, and that its effect is understood."""

from typing import Any
from uuid import uuid4

from django import forms

from quota.models import RefundRequest
from quota.services.refunding import Asked

UNTICKED = {
    "pack": "Tick the box to confirm that this quota ends.",
    "edition": "Tick the box to confirm that Professional Edition ends.",
}


class RefundForm(forms.Form):
    """A reason, a note, and the tick."""

    reason = forms.ChoiceField(
        choices=RefundRequest.Reason.choices,
        error_messages={
            "required": "Choose why.",
            "invalid_choice": "Choose one of the reasons.",
        },
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        error_messages={"max_length": "Write at most 500 characters."},
    )
    understood = forms.BooleanField()
    key = forms.UUIDField(
        error_messages=dict.fromkeys(
            ("required", "invalid"), "Load the page again, then repeat this."
        )
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["understood"].error_messages["required"] = UNTICKED[kind]

    def asked(self) -> Asked:
        """What the customer says."""
        data = self.cleaned_data
        return Asked(RefundRequest.Reason(data["reason"]), data["note"].strip())

    @staticmethod
    def new_key() -> str:
        """A key for one press."""
        return str(uuid4())
