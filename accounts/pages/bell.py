"""The bell in the top bar, and the accounts to switch to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from accounts.seats import CAP, MOST, seats_of


@dataclass(frozen=True, slots=True)
class Choice:
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
    seats: Sequence[Choice]
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


def _count(request: HttpRequest) -> Bell | None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return None
    current = getattr(request, "account", None)
    seats = getattr(request, "seats", None) if request.method == "GET" else None
    # A press may have changed what was counted when it came in.
    seats = seats or seats_of(user.pk, current.slug if current else "")
    here = [seat for seat in seats if current and seat.account.pk == current.pk]
    new = _capped(here[0].unread if here else 0)
    shown = sorted(seats[:MOST], key=lambda seat: (seat.account.name, seat.account.pk))
    return Bell(
        unread=new,
        words=f"Notices, {new} unread" if new else "Notices",
        url=reverse("accounts:notices", args=[current.slug]) if current else "",
        seats=[
            Choice(seat.account.name, f"/a/{seat.account.slug}/", current=seat in here)
            for seat in shown
        ],
        more=len(seats) > MOST,
    )


def _capped(count: int) -> str:
    if not count:
        return ""
    return f"{CAP}+" if count > CAP else str(count)
