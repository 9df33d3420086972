"""Colours and shortcuts."""

from django import forms

from accounts.pages.preferences import THEMES


class PreferencesForm(forms.Form):
    """What this browser is to show, and whether single keys do something."""

    theme = forms.ChoiceField(
        choices=tuple(THEMES.items()),
        required=False,
        error_messages={"invalid_choice": "Choose one of the three."},
    )
    shortcuts = forms.BooleanField(required=False)
