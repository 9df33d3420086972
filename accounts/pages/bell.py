"""The bell in the top bar and the accounts to switch to: one query on every page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from accounts.models import Member, Notice

MOST = 10
CAP = 99


@dataclass(frozen=True, slots=True)
class Seat:
    """One account of a person, in the account menu."""

    name: str
    url: str
    unread: str
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
    return {"bell": SimpleLazyObject(lambda: bell_of(request))}


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
    unread = (
        Notice.objects.filter(
            account=OuterRef("account"), user=user.pk, channel="email", read_at=None
        )
        .order_by()
        .values("account")
        .annotate(count=Count("pk"))
        .values("count")
    )
    rows = list(
        Member.objects.filter(user=user.pk)
        .annotate(unread=Coalesce(Subquery(unread, IntegerField()), 0))
        .order_by("account__name", "account")
        .values_list("account", "account__name", "account__slug", "unread")[: MOST + 1]
    )
    current = getattr(request, "account", None)
    here = next((row[3] for row in rows if current and row[0] == current.pk), 0)
    return Bell(
        unread=_capped(here),
        words=f"Notices, {_capped(here)} unread" if here else "Notices",
        url=reverse("accounts:notices", args=[current.slug]) if current else "",
        seats=[
            Seat(
                name, f"/a/{slug}/", _capped(count), bool(current and pk == current.pk)
            )
            for pk, name, slug, count in rows[:MOST]
        ],
        more=len(rows) > MOST,
    )


def _capped(count: int) -> str:
    if not count:
        return ""
    return f"{CAP}+" if count > CAP else str(count)
