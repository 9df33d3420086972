"""The second factor: codes of an app (TOTP), and recovery codes for when it is gone."""

import secrets
from base64 import b32decode, b32encode
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac
from django_otp.oath import TOTP

from accounts.credentials import CredentialUnreadable, Secret
from accounts.errors import Conflict, Refusal
from accounts.models import Letter, RecoveryCode, SecondFactor, User
from accounts.services import audit, throttling, waking

SALT = "accounts.recovery-code"
STEP = 30
CODES = 10
PAUSE = timedelta(minutes=15)
TRIES = 5


class WrongCode(Refusal):
    """Neither a code of the app that still works, nor an unused recovery code."""

    def __init__(self) -> None:
        super().__init__("That code is wrong or was used. Wait for the next one.")


class NotTheirs(Refusal):
    """Nobody resets their own, and only superusers that of staff (403)."""

    status = 403


def is_on(user: User) -> bool:
    """Whether this person is asked for a code at sign-in."""
    return _confirmed(user) is not None


@transaction.atomic
def begin(*, user: User, now: datetime) -> SecondFactor:
    """Make a secret for an app; it counts once ``confirm`` took a code of it. A second
    call makes another. Refused (409) where one is on."""
    User.objects.select_for_update().get(pk=user.pk)
    if is_on(user):
        raise Conflict("A second factor is on already. Turn it off first.")
    SecondFactor.objects.filter(user=user).delete()
    secret = Secret.seal(b32encode(secrets.token_bytes(20)).decode())
    return SecondFactor.objects.create(user=user, secret=secret, created_at=now)


def confirm(*, user: User, typed: str, now: datetime) -> list[str]:
    """Turn it on with a code of the app, and return the recovery codes, which nobody
    sees again. Every other session of the person ends."""
    factor = SecondFactor.objects.filter(user=user, confirmed_at=None).first()
    if factor is None:
        raise Conflict("There is nothing to confirm. Load the page again.")
    _count(user, now)
    step = _step_of(factor, typed, now)
    if step is None:
        raise WrongCode
    with transaction.atomic():
        mine = SecondFactor.objects.filter(pk=factor.pk, confirmed_at=None)
        if not mine.update(confirmed_at=now, last_step=step):
            raise Conflict("It is on already. Load the page again.")
        _changed(user, "on", now)
        return _new_codes(factor)


def check(*, user: User, typed: str, now: datetime) -> None:
    """Take a code at sign-in, once. Refuses a wrong one, and what comes in the pause
    after five. The use of a recovery code is told by mail."""
    _count(user, now)
    factor = _confirmed(user)
    if factor is None:
        return
    plain = "".join(typed.split()).replace("-", "").lower()
    if plain.isdecimal():
        step = _step_of(factor, plain, now)
        newer = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step or -1)
        if step is None or not newer.update(last_step=step):
            raise WrongCode
    else:
        _use_recovery_code(factor, plain, now)
    throttling.forget(_key(user))


@transaction.atomic
def renew_codes(*, user: User, now: datetime) -> list[str]:
    """Make new recovery codes; the old ones stop working."""
    factor = _confirmed(user)
    if factor is None:
        raise Conflict("There is no second factor. Set it up first.")
    factor.recovery_codes.all().delete()
    _tell(user, "new recovery codes", now)
    return _new_codes(factor)


@transaction.atomic
def turn_off(*, user: User, now: datetime) -> None:
    """Ask for no code any more. Every other session of the person ends. Doing it again
    changes nothing."""
    deleted, _ = SecondFactor.objects.filter(user=user).delete()
    if deleted:
        _changed(user, "off", now)


@transaction.atomic
def reset(
    *, user: User, reason: str, by: User, address: str | None, now: datetime
) -> None:
    """Turn it off for somebody who lost app and codes; they are told, and signed out
    everywhere. Refused for oneself, and for staff but to superusers."""
    if user.pk == by.pk or (user.is_staff and not by.is_superuser):
        raise NotTheirs("A superuser has to do this.")
    if not is_on(user):
        raise Conflict(f"{user} has no second factor.")
    SecondFactor.objects.filter(user=user).delete()
    _changed(user, "reset", now)
    audit.record(
        by=by, act="Reset second factor", target=user.email, reason=reason,
        address=address, now=now,
    )  # fmt: skip


def rotate() -> int:
    """Encrypt every secret anew with the newest key. Returns how many there are."""
    count = 0
    for factor in SecondFactor.objects.order_by("pk").iterator():
        mine = SecondFactor.objects.filter(pk=factor.pk, secret=factor.secret)
        count += mine.update(secret=factor.secret.rotated())
    return count


def _confirmed(user: User) -> SecondFactor | None:
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def _key(user: User) -> str:
    return f"second-factor:{user.pk}"


def _count(user: User, now: datetime) -> None:
    throttling.take(_key(user), limit=TRIES, per=PAUSE, now=now)


def _step_of(factor: SecondFactor, typed: str, now: datetime) -> int | None:
    """The half minute whose code was typed: this one, the last or the next."""
    try:
        secret = factor.secret.reveal()
    except CredentialUnreadable as error:
        raise Refusal(
            "Codes of your app cannot be checked now. Use a recovery code."
        ) from error
    for drift in (0, -1, 1):
        code = TOTP(b32decode(secret), step=STEP, drift=drift)
        code.time = now.timestamp()
        if constant_time_compare(f"{code.token():06}", typed.replace(" ", "")):
            return int(code.t())
    return None


def _use_recovery_code(factor: SecondFactor, plain: str, now: datetime) -> None:
    unused = factor.recovery_codes.filter(digest=_digest(factor, plain), used_at=None)
    with transaction.atomic():
        if not unused.update(used_at=now):
            raise WrongCode
        _tell(factor.user, "a recovery code", now)


def _new_codes(factor: SecondFactor) -> list[str]:
    plain = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, digest=_digest(factor, each)) for each in plain
    )
    return ["-".join(each[at : at + 4] for at in range(0, 16, 4)) for each in plain]


def _digest(factor: SecondFactor, plain: str) -> str:
    return salted_hmac(SALT, f"{factor.pk}:{plain}", algorithm="sha256").hexdigest()


def _changed(user: User, what: str, now: datetime) -> None:
    """End the other sessions, and tell the person."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    _tell(user, what, now)


def _tell(user: User, what: str, now: datetime) -> None:
    Letter.objects.create(
        kind=Letter.Kind.SECOND_FACTOR,
        channel=Letter.Channel.EMAIL,
        user=user,
        address=user.email,
        context={"what": what},
        due_at=now,
        created_at=now,
    )
    waking.wake_senders_after_commit(Letter.Channel.EMAIL)
