"""*Purchase additional quota*: the dialog, its quote, and the payment."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import trigger_client_event

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from quota.forms.coming_back import asked_from_scan, scan_of
from quota.forms.estimate import EstimateForm
from quota.forms.fields import unreadable
from quota.forms.purchase import PurchaseForm
from quota.models import Order
from quota.pages.foresight import (
    purchase_words,
    schedule_to_change,
    slower_words,
)
from quota.pages.header import Standing, standing
from quota.pages.purchase import (
    Advice,
    added,
    advice,
    quote_words,
    receipt,
    terms,
)
from quota.pages.usage_bars import usage_bars
from quota.pages.words import Clock
from quota.services import purchasing


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MONEY)
def purchase(request: AccountRequest) -> HttpResponse:
    """Show what a purchase would cost; on a press, pay it from the balance."""
    now = timezone.now()
    if request.method != "POST":
        return _dialog(request, _filled(request.GET), now)
    stands = standing(request.account, now)
    form = PurchaseForm(request.POST)
    if not form.is_valid() or not form.cleaned_data["key"]:
        refusal = unreadable(form, "state", "total", "delta")
        return _dialog(request, request.POST, now, refusal=refusal, status=422)
    try:
        order = purchasing.buy(
            account=request.account,
            basket=form.basket(with_edition=_with_edition(form, stands)),
            state=form.cleaned_data["state"],
            total=form.total_seen(),
            key=form.cleaned_data["key"],
            by=request.user,
            now=now,
            accepts_short=form.cleaned_data["short"],
        )
    except Refusal as refusal:
        return _dialog(
            request, request.POST, now, refusal=refusal, status=refusal.status
        )
    return _done(request, order, now)


@require_GET
@with_account(Right.MONEY)
def quote(request: AccountRequest) -> HttpResponse:
    """The price again, after a change in the dialog."""
    return _dialog(request, _filled(request.GET), timezone.now(), partial="quote")


def _with_edition(form: PurchaseForm, stands: Standing) -> bool:
    """A replayed first purchase still asks for what it asked for then."""
    return stands.subscription is None or bool(form.cleaned_data.get("months"))


def _filled(data: QueryDict) -> QueryDict:
    if "quantity" in data:
        return data
    copy = data.copy()
    copy["quantity"] = "300"
    return copy


def _dialog(
    request: AccountRequest,
    data: QueryDict,
    now: datetime,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
    partial: str = "dialog",
) -> HttpResponse:
    request.account.refresh_from_db(fields=["balance", "debt"])
    stands = standing(request.account, now)
    form, estimate = PurchaseForm(data), EstimateForm(data)
    context: dict[str, Any] = {
        "estimate": estimate,
        "back": asked_from_scan(data),
        "advice": _advice(estimate, stands),
        "form": form,
        "standing": stands,
        "header": stands.header,
        "terms": terms(stands.tariff),
        "refusal": refusal,
        "key": PurchaseForm.new_key(),
        "with_edition": stands.subscription is None,
    }
    if form.is_valid():
        try:
            basket = form.basket(with_edition=stands.subscription is None)
            quoted = purchasing.quote(account=request.account, basket=basket, now=now)
        except Refusal as unsold:
            context["refusal"] = refusal or unsold
            status = max(status, unsold.status if partial == "dialog" else 200)
        else:
            context |= {
                "quote": quote_words(quoted, stands.header, now, back=context["back"]),
                "basket": basket,
                **_month_words(request, stands, basket.quantity, now),
            }
    else:
        status = max(status, 422)
    return render_page(
        request, "quota/purchase.html", context, partial=partial, status=status
    )


def _month_words(
    request: AccountRequest, stands: Standing, quantity: int, now: datetime
) -> dict[str, Any]:
    """What it does for this month; before the first purchase the estimator says it."""
    if stands.subscription is None:
        return {}
    account, clock = request.account, Clock(request.account, now)
    return {
        "verdict": purchase_words(account, stands, quantity, clock),
        "slower_words": slower_words(stands, clock),
        "schedule_kind": schedule_to_change(account),
        "bars": usage_bars(account, stands, quantity, clock),
    }


def _advice(estimate: EstimateForm, stands: Standing) -> Advice | None:
    if stands.subscription or not estimate.is_valid():
        return None
    found = estimate.need(stands.tariff)
    return advice(found) if found else None


def _continue_url(request: AccountRequest) -> str:
    """Where the scan that quota was bought for goes on."""
    found = scan_of(asked_from_scan(request.POST))
    if found is None or Right.SCAN not in request.rights:
        return ""
    kind, query = found
    return f"{reverse('quota:scan-now', args=[request.account.slug, kind])}?{query}"


def _done(request: AccountRequest, order: Order, now: datetime) -> HttpResponse:
    if not wants_fragment(request):
        messages.success(request, f"Order {order.label} is paid.")
        url = reverse("quota:order", args=[request.account.slug, order.number])
        return redirect(url)
    request.account.refresh_from_db(fields=["balance"])
    stands = standing(request.account, now)
    paid = receipt(order, request.account, now)
    context = {
        "continue_url": _continue_url(request),
        "receipt": paid,
        "added": added(paid, stands.header),
        "standing": stands,
        "header": stands.header,
    }
    response = render_page(request, "quota/order.html", context, partial="done")
    return trigger_client_event(response, "quota-moved")
