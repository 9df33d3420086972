"""Signing in."""

from django.contrib.auth.forms import AuthenticationForm


class SignInForm(AuthenticationForm):
    """The same message whether or not the email exists."""

    error_messages = {
        "invalid_login": "Email or password is wrong.",
        "inactive": "Email or password is wrong.",
    }
