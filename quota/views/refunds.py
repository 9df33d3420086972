"""Asking for a refund, following it, and taking it back."""

from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
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
    with_account,
)
from quota.forms.refunds import RefundForm
from quota.models import Order, OrderLine, RefundRequest
from quota.pages.header import standing
from quota.pages.refunds import preview_words, refund_page
from quota.services import refund_sums, refunding

MOST = 2**31 - 1


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MONEY)
def ask(request: AccountRequest, number: int) -> HttpResponse:
    """Show what a refund would come to; on a press, ask for it."""
    now = timezone.now()
    lines = _lines(request, number)
    line = _chosen(request, lines)
    if request.method != "POST":
        return _dialog(request, line, lines, now)
    form = RefundForm(request.POST, kind=line.kind)
    if not form.is_valid():
        return _dialog(request, line, lines, now, form=form, status=422)
    try:
        refund = refunding.request(
            account=request.account,
            line=line,
            asked=form.asked(),
            key=form.cleaned_data["key"],
            by=request.user,
            now=now,
        )
    except Refusal as refusal:
        return _dialog(request, line, lines, now, form=form, refusal=refusal)
    messages.success(request, f"Request {refund.label} was sent. We answer in days.")
    return _to(request, refund)


@require_GET
@with_account(Right.MONEY)
def refund(request: AccountRequest, refund: int) -> HttpResponse:
    """Follow a request."""
    return _page(request, _found(request, refund), timezone.now())


@require_POST
@with_account(Right.MONEY)
def withdraw(request: AccountRequest, refund: int) -> HttpResponse:
    """Take a request back."""
    now = timezone.now()
    found = _found(request, refund)
    try:
        refunding.withdraw(refund=found, by=request.user, now=now)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return _page(request, _found(request, refund), now, status=refusal.status)
    messages.success(request, f"Request {found.label} is withdrawn.")
    return _to(request, found)


def _to(request: AccountRequest, refund: RefundRequest) -> HttpResponse:
    url = reverse("quota:refund", args=[request.account.slug, refund.pk])
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


def _found(request: AccountRequest, pk: int) -> RefundRequest:
    people = ("order", "pack", "refund_order", "requested_by", "ended_by")
    return get_object_or_404(
        RefundRequest.objects.select_related(*people),
        account=request.account,
        pk=min(pk, 2**63 - 1),
    )


def _lines(request: AccountRequest, number: int) -> list[OrderLine]:
    lines = OrderLine.objects.filter(
        account=request.account, order__number=min(number, MOST)
    ).exclude(order__kind=Order.Kind.REFUND)
    related = lines.select_related("order", "pack__tariff", "pack__subscription")
    found = list(related.order_by("-position"))
    if not found:
        raise Http404("There is no such order to refund.")
    return found


def _chosen(request: AccountRequest, lines: list[OrderLine]) -> OrderLine:
    asked = request.POST.get("line") or request.GET.get("line")
    return next((line for line in lines if str(line.position) == asked), lines[0])


def _dialog(
    request: AccountRequest,
    line: OrderLine,
    lines: list[OrderLine],
    now: datetime,
    *,
    form: RefundForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    seen = refunding.preview(account=request.account, line=line, now=now)
    context = {
        "form": form or RefundForm(kind=line.kind),
        "key": RefundForm.new_key(),
        "preview": preview_words(
            line,
            lines,
            seen.computation,
            refusal or seen.refusal,
            request.account,
            now,
        ),
        "standing": standing(request.account, now),
        "number": line.order.number,
    }
    return render_page(
        request,
        "quota/refund_request.html",
        context,
        partial="dialog",
        status=refusal.status if refusal else status,
    )


def _page(
    request: AccountRequest, found: RefundRequest, now: datetime, *, status: int = 200
) -> HttpResponse:
    today = refund_sums.compute(refund_sums.thing_asked(found), now)
    context = {
        "refund": refund_page(found, today, request.account, now),
        "pk": found.pk,
    }
    return render_page(request, "quota/refund.html", context, status=status)
