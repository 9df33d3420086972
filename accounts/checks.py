"""Start-up checks: what must be set for money to come in and SMS to go out."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error


def stripe_is_whole(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """Calls without signed events, or the other way round, would lose payments."""
    if bool(settings.STRIPE_SECRET_KEY) == bool(settings.STRIPE_WEBHOOK_SECRET):
        return []
    return [
        Error(
            "Stripe is only half set up.",
            hint="Set both STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or neither.",
            id="accounts.E001",
        )
    ]


def sms_is_whole(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """An SMS gateway without a key could not tell our calls from anybody's."""
    is_gateway = settings.SMS_URL.startswith(("http://", "https://"))
    if is_gateway and not settings.SMS_SECRET:
        hint = "Set SMS_SECRET to the key that your gateway checks signatures with."
        return [Error("The SMS gateway has no key.", hint=hint, id="accounts.E002")]
    if settings.SMS_URL and not is_gateway and "{to}" not in settings.SMS_URL:
        hint = "Write {to} in SMS_URL where the number belongs."
        return [
            Error("SMS_URL has no place for a number.", hint=hint, id="accounts.E003")
        ]
    return []


def staff_have_a_second_factor(
    app_configs: object, **kwargs: Any
) -> Sequence[CheckMessage]:
    """A password alone would open the whole back office."""
    if settings.STAFF_SECOND_FACTOR:
        return []
    hint = "Leave STAFF_SECOND_FACTOR unset; only the demo sets it to false."
    words = "Staff sign in without a second factor."
    return [checks.Warning(words, hint=hint, id="accounts.W001")]
