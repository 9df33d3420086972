"""Fields of several forms."""

from typing import Any

import phonenumbers
from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.models import User

FULL_EMAIL = "Enter a full email address, such as mei@example.com."


def email_field() -> forms.EmailField:
    """An address, lower-cased so that one mailbox is one person."""
    return LowerEmail(
        max_length=254,
        error_messages={
            "required": FULL_EMAIL,
            "invalid": FULL_EMAIL,
            "max_length": FULL_EMAIL,
        },
    )


class LowerEmail(forms.EmailField):
    """An address in lower case."""

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return cleaned.lower() if cleaned else cleaned


class Mobile(forms.CharField):
    """A number with its country, as ``+6591234567``."""

    default_error_messages = {
        "required": "Enter a number with its country code, such as +65 9123 4567.",
        "invalid": "Enter a number with its country code, such as +65 9123 4567.",
    }

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException as error:
            raise forms.ValidationError(self.error_messages["invalid"]) from error
        if not phonenumbers.is_valid_number(number):
            raise forms.ValidationError(self.error_messages["invalid"])
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def name_field() -> forms.CharField:
    """A person's name, on one line."""
    return OneLine(max_length=150, error_messages={"required": "Enter your name."})


class OneLine(forms.CharField):
    """Text in which every run of white space is one space."""

    def to_python(self, value: Any) -> Any:
        return " ".join(str(super().to_python(value) or "").split())


class NewPassword(forms.Form):
    """A password chosen twice nowhere: it may be shown, pasted and managed."""

    password = forms.CharField(
        strip=False,
        max_length=200,
        widget=forms.PasswordInput,
        error_messages={"required": "Choose a password."},
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.person())
        return password

    def person(self) -> User | None:
        """Whose password it is, for the check that it is not like the name."""
        return None
