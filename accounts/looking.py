"""Looking at a customer's console as staff: read only, for twenty minutes."""

from datetime import datetime, timedelta

from django.http import HttpRequest

from accounts.models import Account

PERMISSION = "accounts.look_as_customer"
AT, UNTIL = "looking_at", "looking_until"
LASTS = timedelta(minutes=20)


def begin(request: HttpRequest, account: Account, now: datetime) -> None:
    """Let this session see the account's pages."""
    request.session[AT] = account.slug
    request.session[UNTIL] = (now + LASTS).isoformat()


def end(request: HttpRequest) -> None:
    """See them no longer."""
    request.session.pop(AT, None)
    request.session.pop(UNTIL, None)


def is_looking_at(request: HttpRequest, slug: str, now: datetime) -> bool:
    """Whether this person of staff may look at the account now."""
    user = request.user
    return (
        request.session.get(AT) == slug
        and user.is_staff
        and user.has_perm(PERMISSION)
        and now < datetime.fromisoformat(request.session[UNTIL])
    )
