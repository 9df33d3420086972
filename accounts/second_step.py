"""Between password and code: who gave the right password, and who is in wholly."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.shortcuts import resolve_url

from accounts.models import User
from accounts.services import second_factor

WAITING, DONE = "second_step", "second_factor"
LASTS = timedelta(minutes=10)


def sign_in(request: HttpRequest, user: User, to: str, now: datetime) -> str:
    """Sign in who gave the right password, or lead to the second step first. Returns
    where to go."""
    if not second_factor.is_on(user):
        login(request, user)
        return to
    request.session.cycle_key()
    request.session[WAITING] = {
        "user": user.pk,
        "to": to,
        "until": (now + LASTS).isoformat(),
        "hash": user.get_session_auth_hash(),
    }
    return resolve_url("accounts:second-step")


def waiting(request: HttpRequest, now: datetime) -> User | None:
    """Who has to give a code now. Nobody, once ten minutes or the password passed."""
    held = request.session.get(WAITING)
    if held is None or now >= datetime.fromisoformat(held["until"]):
        return None
    user = User.objects.filter(pk=held["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != held["hash"]:
        return None
    return user


def finish(request: HttpRequest, user: User) -> str:
    """Sign in who gave the code too. Returns where to go."""
    to = str(request.session.pop(WAITING)["to"])
    login(request, user)
    vouch(request)
    return to


def vouch(request: HttpRequest) -> None:
    """This session was opened with a second factor."""
    request.session[DONE] = True


def withdraw(request: HttpRequest) -> None:
    """There is no second factor any more."""
    request.session.pop(DONE, None)


def is_enough(request: HttpRequest) -> bool:
    """Whether this session may enter the back office."""
    return not settings.STAFF_SECOND_FACTOR or request.session.get(DONE) is True
