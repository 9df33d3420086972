"""Proving that an email address or a mobile number is somebody's."""

import secrets
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.errors import Conflict, Refusal
from accounts.models import Code, Letter, User
from accounts.services import throttling, waking

EMAIL, SMS = Letter.Channel.EMAIL, Letter.Channel.SMS
LIFE = timedelta(minutes=10)
HOUR = timedelta(hours=1)
SALT = "accounts.confirm"


class WrongCode(Refusal):
    """Not the code that was sent, or one that no longer works."""


@transaction.atomic
def ask(*, user: User, channel: str, target: str, now: datetime) -> Code:
    """Have a code sent to ``target``; earlier codes of this channel stop working.

    Refuses more than five an hour, of one person or to one address.
    """
    for key in (f"code:{channel}:{user.pk}", f"code:{channel}:{target}"):
        throttling.take(key, limit=5, per=HOUR, now=now)
    Code.objects.filter(user=user, channel=channel).delete()
    code = Code.objects.create(
        user=user,
        channel=channel,
        target=target,
        created_at=now,
        expires_at=now + LIFE,
    )
    Letter.objects.create(
        kind=Letter.Kind.CODE,
        channel=channel,
        code=code,
        user=user,
        address=target,
        due_at=now,
        created_at=now,
    )
    waking.wake_senders_after_commit(channel)
    return code


def make(code: Code) -> str:
    """Make the six digits, at the moment they are sent. Only their digest is kept."""
    digits = f"{secrets.randbelow(10**6):06}"
    Code.objects.filter(pk=code.pk, used_at=None).update(digest=_digest(code, digits))
    return digits


def link_token(code: Code, digits: str) -> str:
    """What the link in a mail carries instead of typing."""
    return signing.dumps({"code": code.pk, "digits": digits}, salt=SALT)


def pending(*, user: User, channel: str, now: datetime) -> Code | None:
    """The code this person may type now, if one was asked for."""
    live = Code.objects.filter(user=user, channel=channel, used_at=None)
    return live.filter(expires_at__gt=now).order_by("-pk").first()


def confirm(*, user: User, channel: str, digits: str, now: datetime) -> Code:
    """Take a typed code. Refuses a wrong one, with the tries left; five are allowed."""
    code = pending(user=user, channel=channel, now=now)
    if code is None:
        raise WrongCode("This code no longer works. Ask for a new one.")
    _check(code, digits, now)
    return code


def confirm_link(*, token: str, now: datetime) -> Code:
    """Take the code that a link carries; whoever opens it need not be signed in."""
    try:
        named = signing.loads(token, salt=SALT, max_age=LIFE)
    except signing.BadSignature as error:
        raise WrongCode("This link is incomplete or too old. Ask for a new one.") from (
            error
        )
    code = Code.objects.filter(pk=named["code"]).select_related("user").first()
    if code is None or code.used_at or code.expires_at <= now:
        raise WrongCode("This link was used or is too old. Ask for a new one.")
    _check(code, named["digits"], now)
    return code


def _check(code: Code, digits: str, now: datetime) -> None:
    """Count the try first and for good; then compare; then use the code up, once."""
    live = Code.objects.filter(pk=code.pk, used_at=None, tries__lt=Code.TRIES)
    if not live.update(tries=F("tries") + 1):
        raise WrongCode("This code no longer works. Ask for a new one.")
    code.refresh_from_db()
    typed = _digest(code, digits.replace(" ", ""))
    if not code.digest or not constant_time_compare(code.digest, typed):
        left = Code.TRIES - code.tries
        words = f"{left} tries left." if left > 1 else "One try left."
        raise WrongCode(
            f"That is not the code we sent. {words}"
            if left
            else "That is not the code we sent. Ask for a new one."
        )
    _use(code, now)


@transaction.atomic
def _use(code: Code, now: datetime) -> None:
    if not Code.objects.filter(pk=code.pk, used_at=None).update(used_at=now):
        raise WrongCode("This code was used already.")
    person = User.objects.filter(pk=code.user_id)
    if code.channel == SMS:
        person.update(phone=code.target)
        return
    taken = User.objects.filter(email=code.target).exclude(pk=code.user_id)
    if taken.exists():
        raise Conflict("Another person signs in with this address.")
    before = person.get()
    person.update(email=code.target, email_verified_at=now)
    if before.email != code.target and before.email_verified_at:
        _tell_old_address(before, code.target, now)


def _tell_old_address(before: User, target: str, now: datetime) -> None:
    """Whoever reads the old address learns that it no longer signs in."""
    Letter.objects.create(
        kind=Letter.Kind.EMAIL_CHANGED,
        channel=EMAIL,
        user=before,
        address=before.email,
        context={"target": target},
        due_at=now,
        created_at=now,
    )
    waking.wake_senders_after_commit(EMAIL)


def _digest(code: Code, digits: str) -> str:
    return salted_hmac(SALT, f"{code.pk}:{digits}", algorithm="sha256").hexdigest()
