"""A person's own profile."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.errors import TooMany
from accounts.forms.fields import Mobile, NewPassword, email_field, name_field
from accounts.models import User
from accounts.services import throttling

PAUSE = timedelta(minutes=15)
TRIES = 5


class NameForm(forms.Form):
    """A person's name."""

    name = name_field()


class OwnPassword(forms.Form):
    """What only the person knows; whoever took over a session guesses five times."""

    current = forms.CharField(
        strip=False,
        widget=forms.PasswordInput,
        error_messages={"required": "Enter your present password."},
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        key = f"own-password:{self.user.pk}"
        try:
            throttling.take(key, limit=TRIES, per=PAUSE, now=timezone.now())
        except TooMany as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        if not self.user.check_password(current):
            raise forms.ValidationError("This is not your present password.")
        throttling.forget(key)
        return current


class PasswordForm(OwnPassword):
    """The present password alone."""


class ChangeEmailForm(OwnPassword):
    """A new address to sign in with."""

    email = email_field()


class PhoneForm(forms.Form):
    """A mobile number to verify."""

    phone = Mobile(max_length=32)


class CodeForm(forms.Form):
    """Six digits."""

    digits = forms.RegexField(
        r"^\s*(?:\d\s*){6}$",
        error_messages={
            "required": "Enter the six digits we sent.",
            "invalid": "Enter the six digits we sent.",
        },
    )

    def clean_digits(self) -> str:
        return "".join(str(self.cleaned_data["digits"]).split())


class ChangePasswordForm(NewPassword, OwnPassword):
    """The present password and a new one."""

    field_order = ("current", "password")

    def person(self) -> User | None:
        return self.user
