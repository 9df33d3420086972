"""What a person does with the app that shows the codes."""

from base64 import b32decode
from datetime import datetime, timedelta

from django_otp.oath import TOTP

from accounts.models import SecondFactor, User
from accounts.services import second_factor


def code_of(user: User, now: datetime) -> str:
    """What the app shows."""
    secret = SecondFactor.objects.get(user=user).secret.reveal()
    totp = TOTP(b32decode(secret))
    totp.time = now.timestamp()
    return f"{totp.token():06}"


def turn_on(user: User, now: datetime) -> list[str]:
    """Set it up half an hour ago. Returns the recovery codes."""
    before = now - timedelta(minutes=30)
    second_factor.begin(user=user, now=before)
    codes = second_factor.confirm(user=user, typed=code_of(user, before), now=before)
    user.refresh_from_db()
    return codes
