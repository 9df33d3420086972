"""The service activation page: its state, the renew form, the switch."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    who_has,
    with_account,
)
from accounts.models import Account
from quota.forms.fields import unreadable
from quota.forms.renewal import RenewalForm
from quota.models import Subscription
from quota.pages.header import standing
from quota.pages.renewal import (
    auto_renewal_words,
    length_choices,
    pack_fields,
    quote_words,
    switched_words,
)
from quota.pages.subscription import life, renewed_words
from quota.quotes import RenewalBasket
from quota.services import auto_renewal, renewing
from quota.services.renewal_ground import Ground, renewable, stand_on

PAGE = "quota/subscription.html"


@require_GET
@with_account(Right.SEE)
def subscription(request: AccountRequest) -> HttpResponse:
    """What state Professional Edition is in, and what it would cost to renew it."""
    return _page(request, request.GET, timezone.now())


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MONEY)
def renew(request: AccountRequest) -> HttpResponse:
    """On a press, pay the renewal that was shown from the balance."""
    now = timezone.now()
    if request.method != "POST":
        return _page(request, request.GET, now)
    form = RenewalForm(request.POST, packs={})
    if not form.is_valid() or not form.cleaned_data["key"]:
        refusal = unreadable(form, "state", "total", "step")
        return _page(request, request.POST, now, refusal=refusal, status=422)
    try:
        order = renewing.renew(
            account=request.account,
            basket=form.basket(),
            state=form.cleaned_data["state"],
            total=form.total_seen(),
            key=form.cleaned_data["key"],
            by=request.user,
            now=now,
        )
    except Refusal as refusal:
        return _page(request, request.POST, now, refusal=refusal, status=refusal.status)
    messages.success(request, renewed_words(order, request.account, now))
    return redirect("quota:order", request.account.slug, order.number)


@require_GET
@with_account(Right.MONEY)
def renew_quote(request: AccountRequest) -> HttpResponse:
    """The price again, after a change in the form."""
    return _page(request, request.GET, timezone.now(), partial="quote")


@require_POST
@with_account(Right.MONEY)
def auto_renew(request: AccountRequest) -> HttpResponse:
    """Switch auto-renewal; while suspended that tries at once."""
    now = timezone.now()
    is_on = request.POST.get("on") == "1"
    try:
        switched = auto_renewal.switch(
            account=request.account, on=is_on, by=request.user, now=now
        )
    except Refusal as refusal:
        return _page(request, QueryDict(), now, refusal=refusal, status=refusal.status)
    request.account.refresh_from_db(fields=["balance", "debt"])
    if switched.order:
        words = renewed_words(switched.order, request.account, now)
    else:
        outlook = auto_renewal.outlook(account=request.account, now=now)
        words = switched_words(outlook, request.account, now, is_on=is_on)
    if wants_fragment(request) and not switched.order:
        context = _context(request, QueryDict(), now) | {"switched": words}
        return render_page(request, PAGE, context, partial="switch")
    messages.success(request, words)
    url = reverse("quota:subscription", args=[request.account.slug])
    return _redirect(request, url)


def _redirect(request: AccountRequest, url: str) -> HttpResponse:
    if wants_fragment(request):
        return HttpResponseClientRedirect(url)
    return redirect(url)


def _page(
    request: AccountRequest,
    data: QueryDict,
    now: datetime,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
    partial: str | None = None,
) -> HttpResponse:
    context = _context(request, data, now)
    if refusal:
        context["refusal"] = refusal
    return render_page(request, PAGE, context, partial=partial, status=status)


def _context(request: AccountRequest, data: QueryDict, now: datetime) -> dict[str, Any]:
    account, can_buy = request.account, Right.MONEY in request.rights
    account.refresh_from_db(fields=["balance", "debt"])
    stands = standing(account, now)
    current = stands.subscription
    ground = _ground(account, current, now) if can_buy else None
    outlook = None
    if ground:
        outlook = auto_renewal.outlook(account=account, now=now, ground=ground)
    page = life(account, current, outlook, now, can_buy=can_buy)
    context: dict[str, Any] = {"life": page, "quota_mini": stands.header}
    if not can_buy:
        context["helpers"] = who_has(account, Right.MONEY)
    if outlook and current:
        context["auto"] = auto_renewal_words(outlook, account, now, current)
    if ground and page.can_renew:
        context |= _renewal(ground, data)
    return context


def _ground(
    account: Account, current: Subscription | None, now: datetime
) -> Ground | None:
    """What a renewal stands on; None where nothing can be renewed."""
    try:
        return stand_on(account, renewable(current, now), now)
    except Refusal:
        return None


def _packs(ground: Ground) -> Mapping[int, int]:
    packs = [held.pack for held in ground.packs]
    return {
        pack.pk: pack.quantity
        for pack in packs
        if not (pack.dropped_at or pack.frozen_at)
    }


def _renewal(ground: Ground, data: QueryDict) -> dict[str, Any]:
    """The form as it was sent, and its price or the reason why it has none."""
    try:
        plain = renewing.price(ground, RenewalBasket(1))
    except Refusal as closed:
        return {"unsold": closed}
    form = RenewalForm(data, packs=_packs(ground))
    found: dict[str, Any] = {"form": form, "key": RenewalForm.new_key()}
    kept: Mapping[int, int] = {}
    if form.is_valid():
        try:
            quoted = renewing.price(ground, form.offered())
        except Refusal as unsold:
            found["unsold"] = unsold
        else:
            kept = quoted.basket.kept
            found["quote"] = quote_words(quoted, ground.now)
    lengths = renewing.choices(ground, kept)
    months = form.cleaned_data.get("months", 0)
    found["lengths"] = length_choices(lengths, months, ground.now)
    found["is_other"] = not any(length.chosen for length in found["lengths"])
    found["packs"] = pack_fields(plain, form.kept, ground.now)
    return found
