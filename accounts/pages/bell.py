"""The bell in the top bar and the accounts to switch to: two queries on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from accounts.models import Member, Notice
from accounts.statements import Statement

MOST = 10
CAP = 99


@dataclass(frozen=True, slots=True)
class Seat:
    """One account of a person, in the account menu."""

    name: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Bell:
    """``unread`` is empty where there is nothing new in this account."""

    unread: str
    words: str
    url: str
    seats: Sequence[Seat]
    more: bool


def bell(request: HttpRequest) -> dict[str, Any]:
    """The context of the top bar. Not asked for until it is drawn."""
    return {
        "bell": SimpleLazyObject(lambda: bell_of(request)),
        "initials": SimpleLazyObject(lambda: initials_of(request)),
    }


def initials_of(request: HttpRequest) -> str:
    """``MT`` for Mei Tanaka; nothing for nobody."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return ""
    return "".join(word[0] for word in str(user).split()[:2]).upper()


def bell_of(request: HttpRequest) -> Bell | None:
    """The bell of this request, counted once; None for nobody."""
    if not hasattr(request, "_bell"):
        request._bell = _count(request)  # type: ignore[attr-defined]
    found: Bell | None = request._bell  # type: ignore[attr-defined]
    return found


def unread_words(request: HttpRequest) -> str:
    """``2 new``, for the left column; empty where there is nothing new."""
    found = bell_of(request)
    return f"{found.unread} new" if found and found.unread else ""


def _unread(account: int, user: int) -> QuerySet[Notice, tuple[int]]:
    new = Notice.objects.filter(
        account=account, user=user, channel="email", read_at=None
    )
    return new.order_by().values_list("pk")[: CAP + 1]


def _seats(user: int) -> QuerySet[Member, tuple[int, str, str]]:
    members = Member.objects.filter(user=user).order_by("account__name", "account")
    return members.values_list("account", "account__name", "account__slug")[: MOST + 1]


UNREAD = Statement(_unread, {"account": int, "user": int})
SEATS = Statement(_seats, {"user": int})


def _count(request: HttpRequest) -> Bell | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    current = getattr(request, "account", None)
    new = UNREAD.count(account=current.pk, user=user.pk) if current else 0
    rows = SEATS.rows(user=user.pk)
    return Bell(
        unread=_capped(new),
        words=f"Notices, {_capped(new)} unread" if new else "Notices",
        url=reverse("accounts:notices", args=[current.slug]) if current else "",
        seats=[
            Seat(name, f"/a/{slug}/", current=bool(current and pk == current.pk))
            for pk, name, slug in rows[:MOST]
        ],
        more=len(rows) > MOST,
    )


def _capped(count: int) -> str:
    if not count:
        return ""
    return f"{CAP}+" if count > CAP else str(count)
