"""*Overview*: the first page of an account."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.errors import Refusal
from accounts.http import AccountRequest, Right, render_page, who_has, with_account
from accounts.money import format_money
from quota.pages.foresight import Strip
from quota.pages.header import Standing, standing
from quota.pages.overview import first_steps, overview
from quota.pages.purchase import terms
from quota.pages.words import Clock
from quota.quotes import Basket
from quota.services import auto_renewal, purchasing


@require_GET
@with_account(Right.SEE)
def front(request: AccountRequest) -> HttpResponse:
    """Where the account stands, or the first steps of one that bought nothing yet."""
    now = timezone.now()
    stands = standing(request.account, now)
    if stands.subscription is None:
        return _first_steps(request, stands, now)
    clock = Clock(request.account, now)
    may_buy = Right.MONEY in request.rights
    account = request.account
    outlook = auto_renewal.outlook(account=account, now=now) if may_buy else None
    page = overview(request.member, stands.subscription, stands, outlook, clock)
    context: dict[str, Any] = {
        "page": page,
        "standing": stands,
        "header": stands.header,
    }
    if page.steps:
        context["scanners"] = who_has(account, Right.SCAN)
    if page.strip:
        context |= _offer(request, page.strip, now)
    return render_page(request, "quota/overview.html", context, partial="recent")


def _offer(request: AccountRequest, strip: Strip, now: datetime) -> dict[str, str]:
    """What the advised purchase costs, or who could make it."""
    account = request.account
    if Right.MONEY not in request.rights:
        return {"helpers": who_has(account, Right.MONEY)}
    basket = Basket(quantity=strip.quantity)
    try:
        total = purchasing.quote(account=account, basket=basket, now=now).total
    except Refusal:  # more than one order can add: the dialog says so
        return {}
    return {"price": format_money(total, account.currency)}


def _first_steps(
    request: AccountRequest, stands: Standing, now: datetime
) -> HttpResponse:
    context = {
        "page": first_steps(
            request.account, Clock(request.account, now), is_bought=False
        ),
        "standing": stands,
        "terms": terms(stands.tariff),
        "helpers": who_has(request.account, Right.MONEY),
        "scanners": who_has(request.account, Right.SCAN),
    }
    return render_page(request, "quota/first_steps.html", context)
