"""*Top up*: the dialog, and the page of one top-up."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from accounts.models import TopUp
from accounts.payments import gateways
from accounts.payments.port import PaymentUnavailable
from accounts.services import topping_up, waking
from quota.forms.fields import unreadable
from quota.forms.topup import NeedForm, TopUpForm, printed, then_of
from quota.pages.topup import WAYS, presets, press_words, then_words, top_up_page
from quota.services import auto_renewal

UNPAID = (TopUp.State.REQUESTED, TopUp.State.OPEN)


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MONEY)
def top_up(request: AccountRequest) -> HttpResponse:
    """Ask how much and how; on a press, lead to where it is paid."""
    now = timezone.now()
    if request.method != "POST":
        return _dialog(request)
    form = TopUpForm(
        request.POST, currency=request.account.currency, methods=list(gateways())
    )
    if not form.is_valid():
        if wrong := unreadable(form):
            form.add_error(None, str(wrong))
        return _dialog(request, form, status=422)
    try:
        asked = topping_up.request(
            account=request.account, by=request.user, now=now, **form.cleaned_data
        )
        _begin(request, asked)
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        again = isinstance(refusal, PaymentUnavailable)
        key = str(form.cleaned_data["key"]) if again else TopUpForm.new_key()
        return _dialog(request, form, status=refusal.status, key=key)
    url = _url(request, asked, go="1")
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


def _begin(request: AccountRequest, asked: TopUp) -> None:
    back, done = _url(request, asked), _url(request, asked, returned="1")
    topping_up.begin(
        top_up=asked,
        done_url=request.build_absolute_uri(done),
        back_url=request.build_absolute_uri(back),
    )


def _url(request: AccountRequest, asked: TopUp, **query: str) -> str:
    """The page of a top-up, which remembers what the money is for."""
    if then := then_of(request.GET, request.account):
        query["then"] = then
    url = reverse("quota:top-up-state", args=[request.account.slug, asked.pk])
    return f"{url}?{urlencode(query)}" if query else url


def _dialog(
    request: AccountRequest,
    form: TopUpForm | None = None,
    *,
    status: int = 200,
    key: str = "",
) -> HttpResponse:
    account = request.account
    need = NeedForm(request.GET)
    opened_for = need.cleaned_data.get("need") if need.is_valid() else None
    outlook = auto_renewal.outlook(account=account, now=timezone.now())
    then = then_of(request.GET, account)
    offered = presets(account, opened_for, then, outlook.price if outlook else None)
    ways = [WAYS[name] for name in reversed(list(gateways()))]
    given = form or need
    typed = given["amount"].value() or (offered[0].value if offered else "50.00")
    method = given["method"].value()
    way = next((each for each in ways if each.value == method), ways[0])
    context: dict[str, Any] = {
        "form": form,
        "key": key or TopUpForm.new_key(),
        "presets": offered,
        "amount": typed,
        "press": press_words(way, printed(typed, account.currency)),
        "ways": ways,
        "method": way.value,
        "need": opened_for,
        "query": _carried(opened_for, then),
    }
    return render_page(
        request, "quota/top_up.html", context, partial="dialog", status=status
    )


def _carried(need: object, then: str) -> str:
    """What the dialog was opened for, for its own links."""
    asked = {"need": need, "then": then}
    return urlencode({name: value for name, value in asked.items() if value})


@require_GET
@with_account(Right.MONEY)
def top_up_state(request: AccountRequest, number: int) -> HttpResponse:
    """One top-up: go on to pay, wait for the money, or see it added."""
    now = timezone.now()
    found = get_object_or_404(TopUp, account=request.account, pk=min(number, 2**62))
    returned = "returned" in request.GET
    waits = found.state in UNPAID and found.method != TopUp.Method.BANK
    if returned and waits:
        waking.wake(
            "accounts.payment_tasks.ask",
            queueing_lock=f"ask:{found.pk}",
            lock=f"ask:{found.pk}",
            account_id=request.account.pk,
            top_up_id=found.pk,
        )
    context = {
        "page": top_up_page(found, request.account, now),
        "waits": returned and waits,
        "goes_on": waits and not returned and bool(found.page),
        "leaves_at_once": "go" in request.GET,
        "poll_url": _url(request, found, returned="1"),
        "then": (then := then_of(request.GET, request.account)),
        "then_words": then_words(then),
    }
    return render_page(request, "quota/top_up_state.html", context, partial="state")
