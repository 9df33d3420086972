"""Notices of one member: the list, reading, and which come by email."""

from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from accounts.pages.notices import notices_page, one_row, settings_page
from accounts.services import reading
from accounts.words import plural

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@require_GET
@with_account(Right.SEE)
def notices(request: AccountRequest) -> HttpResponse:
    """The member's own notices."""
    return _list(request, timezone.now())


@require_POST
@with_account(Right.SEE)
def read(request: AccountRequest, notice: int) -> HttpResponse:
    """Mark one read: the row and the bell come back."""
    now = timezone.now()
    try:
        marked = reading.mark_read(member=request.member, notice_id=notice, now=now)
    except Refusal as refusal:
        return _list(request, now, refusal=refusal)
    if not wants_fragment(request):
        return redirect("accounts:notices", request.account.slug)
    context = {"notice": one_row(request.member, marked, now)}
    return render_page(request, "accounts/notices.html", context, partial="row")


@require_POST
@with_account(Right.SEE)
def read_all(request: AccountRequest) -> HttpResponse:
    """Mark everything read, and offer to take it back."""
    now = timezone.now()
    count = reading.mark_all_read(member=request.member, now=now)
    if not wants_fragment(request):
        if count:
            messages.success(request, f"{plural(count, 'notice')} marked read.")
        return redirect(_undoable(request, now if count else None))
    return _list(request, now, undo=_press(now) if count else "", count=count)


@require_POST
@with_account(Right.SEE)
def unread(request: AccountRequest) -> HttpResponse:
    """Take a press of *Mark all read* back."""
    now = timezone.now()
    press = request.POST.get("at", "")
    if press.isdecimal() and len(press) < 18:
        at = EPOCH + int(press) * MICROSECOND
        reading.undo_read(member=request.member, at=at)
    if not wants_fragment(request):
        return redirect("accounts:notices", request.account.slug)
    return _list(request, now)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SEE)
def settings(request: AccountRequest) -> HttpResponse:
    """Which kinds come by email."""
    if request.method == "POST":
        reading.choose(member=request.member, wanted=request.POST.getlist("kind"))
        messages.success(request, "Saved.")
        return redirect("accounts:notice-settings", request.account.slug)
    context = {"settings": settings_page(request.member), "crumb": "Who gets notices"}
    return render_page(request, "accounts/notice_settings.html", context)


def _press(now: datetime) -> str:
    return str((now - EPOCH) // MICROSECOND)


def _undoable(request: AccountRequest, at: datetime | None) -> str:
    url = f"/a/{request.account.slug}/notices"
    return f"{url}?undo={_press(at)}" if at else url


def _list(
    request: AccountRequest,
    now: datetime,
    *,
    undo: str = "",
    count: int = 0,
    refusal: Refusal | None = None,
) -> HttpResponse:
    page = notices_page(
        request.member,
        shown=request.GET.get("show", ""),
        after=request.GET.get("after", ""),
        now=now,
    )
    asked = request.GET.get("undo", "")
    context = {
        "page": page,
        "undo": undo or (asked if asked.isdecimal() else ""),
        "marked": plural(count, "notice") if count else "",
        "refusal": refusal,
        "crumb": "Notices",
    }
    return render_page(
        request,
        "accounts/notices.html",
        context,
        partial="list",
        status=refusal.status if refusal else 200,
    )
