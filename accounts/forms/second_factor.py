"""Codes of an app."""

from django import forms

WORDS = "Enter the six digits that your app shows."


class AppCodeForm(forms.Form):
    """Six digits of the app."""

    digits = forms.RegexField(
        r"^\s*(?:[0-9]\s*){6}$",
        max_length=20,
        error_messages={"required": WORDS, "invalid": WORDS, "max_length": WORDS},
    )

    def clean_digits(self) -> str:
        return "".join(str(self.cleaned_data["digits"]).split())


class TypedCodeForm(forms.Form):
    """Six digits of the app, or a recovery code."""

    code = forms.CharField(
        max_length=40,
        error_messages={
            "required": "Enter the code.",
            "max_length": "That is too long for a code.",
        },
    )
