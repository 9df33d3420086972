"""*Ask for more quota*: what a member presses who may scan but not buy."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.http import (
    AccountRequest,
    Right,
    names_with,
    wants_fragment,
    with_account,
)
from accounts.words import asked
from quota.errors import FormUnreadable
from quota.forms.coming_back import asked_from_scan, scan_of
from quota.forms.scan import ScanForm
from quota.models import Kind
from quota.pages.foresight import strip
from quota.pages.header import standing
from quota.pages.words import Clock, plural
from quota.rules.units import TENTHS, format_quota
from quota.services import asking, scanning


@require_POST
@with_account(Right.SCAN)
def for_scan(request: AccountRequest, kind: Kind) -> HttpResponse:
    """Ask for what the images chosen in the *Scan now* dialog need beyond what is
    left."""
    now = timezone.now()
    form = ScanForm(request.POST, kind=kind)
    if not form.is_valid() and set(form.errors) - {"categories"}:
        raise FormUnreadable
    quoted = scanning.quote(
        account=request.account, selection=form.selection(), now=now
    )
    what = f"a scan of {plural(quoted.all.images, f'{kind} image')}"
    words = _ask(request, quoted.missing_tenths, what, now)
    back = scan_of(asked_from_scan(request.POST))
    url = reverse("quota:scan-now", args=[request.account.slug, kind])
    return _answer(request, words, f"{url}?{back[1]}" if back else url)


@require_POST
@with_account(Right.SCAN)
def for_month(request: AccountRequest) -> HttpResponse:
    """Ask for what is short to the reset, as the overview foresees it."""
    now = timezone.now()
    stands = standing(request.account, now)
    found = strip(request.account, stands, Clock(request.account, now))
    missing = found.short * TENTHS if found else 0
    at_least = found.quantity if found else 0
    words = _ask(request, missing, "this month", now, at_least)
    return _answer(request, words, request.account.get_absolute_url())


def _ask(
    request: AccountRequest, missing: int, what: str, now: datetime, at_least: int = 0
) -> str:
    is_new = asking.for_more_quota(
        account=request.account,
        user=request.user,
        missing_tenths=missing,
        what=what,
        at_least=at_least,
        now=now,
    )
    buyers = names_with(request.account, Right.MONEY)
    what = f"{format_quota(missing)} more quota" if is_new else "more quota"
    return asked(buyers, what, is_new=is_new)


def _answer(request: AccountRequest, words: str, url: str) -> HttpResponse:
    if wants_fragment(request):
        return render(request, "quota/_asked.html", {"words": words})
    messages.success(request, words)
    return redirect(url)
