"""Signing in, new passwords, sign-up."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.errors import TooMany
from accounts.forms.fields import NewPassword, OneLine, email_field, name_field
from accounts.http import address_of
from accounts.models import User, validate_zone
from accounts.services import throttling

PAUSE = timedelta(minutes=15)
TRIES = 5
# One address trying many people, and many addresses trying one person.
CROWD = 50


class SignInForm(AuthenticationForm):
    """The same message whether or not the email exists, and a pause after five tries.

    A try is counted before the password is looked at, so that tries at once are all
    counted. ``paused`` is when the pause ends.
    """

    paused: TooMany | None = None

    def clean(self) -> dict[str, Any]:
        email = str(self.cleaned_data.get("username") or "").strip().lower()
        password = self.cleaned_data.get("password")
        if not email or not password:
            raise ValidationError("Enter your email and your password.")
        now = timezone.now()
        key = f"sign-in:{email}:{self._address()}"
        tried = self._take(email, key, now)
        self.user_cache = authenticate(self.request, username=email, password=password)
        if self.user_cache is None:
            raise ValidationError(_wrong(tried, now))
        throttling.forget(key)
        return self.cleaned_data

    def _take(self, email: str, key: str, now: datetime) -> throttling.Tried:
        try:
            for crowd in (f"sign-in:{email}", f"sign-in::{self._address()}"):
                throttling.take(crowd, limit=CROWD, per=PAUSE, now=now)
            return throttling.take(key, limit=TRIES, per=PAUSE, now=now)
        except TooMany as refusal:
            self.paused = refusal
            raise ValidationError(_paused(refusal.until, now)) from refusal

    def _address(self) -> str:
        return address_of(self.request) if self.request else ""


def _wrong(tried: throttling.Tried, now: datetime) -> str:
    if not tried.left:
        return _paused(tried.until, now)
    tries = "1 try" if tried.left == 1 else f"{tried.left} tries"
    pause = f"{PAUSE // timedelta(minutes=1)}-minute pause"
    return f"Email or password is wrong. You have {tries} left before a {pause}."


def _paused(until: datetime, now: datetime) -> str:
    """How long, not until when: nobody's time zone is known before they sign in."""
    minutes = max(1, -(-(until - now) // timedelta(minutes=1)))
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"Too many tries. Try again in {wait}, or reset your password."


class EmailForm(forms.Form):
    """One address."""

    email = email_field()


class ResetForm(NewPassword):
    """A new password; Django's view gives the person first."""

    def __init__(self, user: User, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data)
        self.user = user

    def person(self) -> User | None:
        return self.user


class NewPersonForm(NewPassword):
    """A name and a password, for somebody who was invited."""

    name = name_field()
    field_order: tuple[str, ...] = ("name", "password")

    def __init__(self, data: Any = None, *, email: str) -> None:
        super().__init__(data)
        self.email = email

    def person(self) -> User | None:
        return User(email=self.email, name=self.cleaned_data.get("name", ""))


class SignUpForm(NewPersonForm):
    """A person and their new account."""

    account = OneLine(
        max_length=150, error_messages={"required": "Enter the account's name."}
    )
    zone = forms.CharField(
        max_length=64,
        validators=[validate_zone],
        error_messages={"required": "Enter a time zone, such as Asia/Singapore."},
    )
    field_order = ("account", "zone", "name", "password")
