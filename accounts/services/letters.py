"""Letters about getting in. Every secret in one is made as it is sent."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.channels.port import Message
from accounts.models import Letter, User
from accounts.services import codes, composing, throttling, waking
from accounts.services.delivering import Skip
from accounts.services.inviting import invite_token, role_words

HOUR = timedelta(hours=1)
SIGN_UP = "accounts.sign-up"
TOO_LATE = "Its time ran out before it could be sent."


def compose(letter: Letter, now: datetime) -> Message:
    """The message of a letter. Raises Skip where it has lost its use."""
    context = {"person": "", **COMPOSERS[letter.kind](letter, now)}
    return composing.message(
        f"letter-{letter.pk}.{letter.resends}",
        to=letter.address,
        template=letter.kind,
        channel=letter.channel,
        context=context,
    )


def owe_password_reset(*, email: str, now: datetime) -> None:
    """Owe the person with this address, if there is one, a link to a new password.

    Whether there is one cannot be told from outside. Refuses more than five an hour.
    """
    throttling.take(f"reset:{email}", limit=5, per=HOUR, now=now)
    person = User.objects.filter(email=email, is_active=True).first()
    if person is not None:
        _owe(Letter.Kind.PASSWORD_RESET, email, now, user=person)


def owe_first_password(*, user: User, now: datetime) -> None:
    """Owe somebody for whom staff opened an account a link to a first password."""
    _owe(Letter.Kind.PASSWORD_RESET, user.email, now, user=user)


def owe_sign_up(*, email: str, now: datetime) -> None:
    """Owe a link by which an account is opened with a verified address. Who can sign in
    already gets a link to a new password instead."""
    throttling.take(f"sign-up:{email}", limit=5, per=HOUR, now=now)
    if User.objects.filter(email=email).exists():
        owe_password_reset(email=email, now=now)
        return
    _owe(Letter.Kind.SIGN_UP, email, now)


def sign_up_email(token: str) -> str | None:
    """The address that a sign-up link proves, or None."""
    try:
        return str(signing.loads(token, salt=SIGN_UP, max_age=HOUR)["email"])
    except signing.BadSignature:
        return None


def _owe(
    kind: Letter.Kind, email: str, now: datetime, user: User | None = None
) -> None:
    Letter.objects.create(
        kind=kind,
        channel=Letter.Channel.EMAIL,
        user=user,
        address=email,
        due_at=now,
        created_at=now,
    )
    waking.wake_senders_after_commit(Letter.Channel.EMAIL)


def _code(letter: Letter, now: datetime) -> Mapping[str, object]:
    code = letter.code
    if code is None or code.used_at or code.expires_at <= now:
        raise Skip(TOO_LATE)
    digits = codes.make(code)
    context: dict[str, object] = {
        "target": code.target,
        "code": digits,
        "minutes": codes.LIFE // timedelta(minutes=1),
    }
    if letter.channel == Letter.Channel.EMAIL:
        token = codes.link_token(code, digits)
        context |= {"link": f"{settings.SITE_URL}/confirm/{token}", "action": "Confirm"}
    return context


def _invite(letter: Letter, now: datetime) -> Mapping[str, object]:
    invite = letter.invite
    if (
        invite is None
        or invite.accepted_at
        or invite.cancelled_at
        or invite.expires_at <= now
    ):
        raise Skip("The invitation was used, cancelled or has expired.")
    zone = invite.account.zone_info
    return {
        "inviter": invite.invited_by.name,
        "account": invite.account.name,
        "role": role_words(invite),
        "expires": f"{invite.expires_at.astimezone(zone):%-d %b %Y at %H:%M}",
        "link": f"{settings.SITE_URL}/invite/{invite_token(invite)}",
        "action": "Accept the invitation",
    }


def _password_reset(letter: Letter, now: datetime) -> Mapping[str, object]:
    person = letter.user
    if person is None or not person.is_active:
        raise Skip("The person can no longer sign in.")
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    token = default_token_generator.make_token(person)
    return {
        "person": person.name,
        "target": letter.address,
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "link": f"{settings.SITE_URL}/set-password/{uid}/{token}",
        "action": "Set a new password",
    }


def _sign_up(letter: Letter, now: datetime) -> Mapping[str, object]:
    token = signing.dumps({"email": letter.address}, salt=SIGN_UP)
    return {
        "target": letter.address,
        "minutes": HOUR // timedelta(minutes=1),
        "link": f"{settings.SITE_URL}/sign-up/{token}",
        "action": "Open your account",
    }


def _second_factor(letter: Letter, now: datetime) -> Mapping[str, object]:
    person = letter.user
    return {
        "person": person.name if person else "",
        "what": letter.context["what"],
        "at": f"{letter.created_at:%-d %b %Y at %H:%M} UTC",
        "support": settings.SUPPORT_EMAIL,
        "link": f"{settings.SITE_URL}/profile",
        "action": "Go to your profile",
    }


def _email_changed(letter: Letter, now: datetime) -> Mapping[str, object]:
    person = str(letter.user.name) if letter.user else ""
    return {**letter.context, "person": person, "support": settings.SUPPORT_EMAIL}


Composer = Callable[[Letter, datetime], Mapping[str, object]]
COMPOSERS: Mapping[str, Composer] = {
    Letter.Kind.CODE: _code,
    Letter.Kind.INVITE: _invite,
    Letter.Kind.PASSWORD_RESET: _password_reset,
    Letter.Kind.SIGN_UP: _sign_up,
    Letter.Kind.SECOND_FACTOR: _second_factor,
    Letter.Kind.EMAIL_CHANGED: _email_changed,
}
