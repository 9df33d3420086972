"""Orders, receipts, invoices, and to whom invoices are written."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.http import AccountRequest, Right, render_page, with_account
from accounts.models import BillingDetails
from accounts.services import billing
from quota.documents import invoice_pdf
from quota.forms.orders import BillingDetailsForm, OrdersForm
from quota.models import Order
from quota.pages.cursors import UnknownCursor
from quota.pages.header import standing
from quota.pages.invoices import papers_of
from quota.pages.orders import orders_page
from quota.pages.purchase import receipt


@require_GET
@with_account(Right.MONEY)
def orders(request: AccountRequest) -> HttpResponse:
    """What was bought, or only the rows when the filters ask."""
    now = timezone.now()
    form = OrdersForm(request.GET)
    form.is_valid()
    asked, status, problem = form.asked(), 200, ""
    try:
        page = orders_page(
            request.account, asked, form.cleaned_data.get("after", ""), now
        )
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here are the latest orders."
        page = orders_page(request.account, asked, "", now)
    context = {"page": page, "form": form, "problem": problem}
    return render_page(
        request, "quota/orders.html", context, partial="rows", status=status
    )


def _order(request: AccountRequest, number: int) -> Order:
    orders = Order.objects.select_related("by")
    return get_object_or_404(
        orders, account=request.account, number=min(number, 2**31 - 1)
    )


@require_GET
@with_account(Right.MONEY)
def order(request: AccountRequest, number: int) -> HttpResponse:
    """One order's receipt."""
    now = timezone.now()
    context = {
        "receipt": receipt(_order(request, number), request.account, now),
        "standing": standing(request.account, now),
    }
    return render_page(request, "quota/order.html", context)


@require_GET
@with_account(Right.MONEY)
def invoice(request: AccountRequest, number: int) -> HttpResponse:
    """An order's invoice, or a refund's credit notes, to print."""
    found = _order(request, number)
    context = {"order": found, "papers": papers_of(found, request.account)}
    return render_page(request, "quota/invoice.html", context, partial="papers")


@require_GET
@with_account(Right.MONEY)
def invoice_file(request: AccountRequest, number: int) -> HttpResponse:
    """The same as PDF; before it is numbered, the page that says so."""
    found = _order(request, number)
    papers = papers_of(found, request.account)
    if not papers:
        return redirect("quota:invoice", request.account.slug, number)
    kind = "credit-note" if found.kind == Order.Kind.REFUND else "invoice"
    response = HttpResponse(invoice_pdf.draw(papers), content_type="application/pdf")
    response.headers["Content-Disposition"] = (
        f'attachment; filename="{kind}-{found.label}.pdf"'
    )
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.MONEY)
def billing_details(request: AccountRequest) -> HttpResponse:
    """Name, address and tax identifier on the invoices from now on."""
    now = timezone.now()
    details = BillingDetails.objects.filter(account=request.account)
    stored = details.values("name", "address", "tax_id").first()
    initial: dict[str, Any] = dict(stored or {"name": request.account.name})
    form = BillingDetailsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        billing.save_details(
            account=request.account, by=request.user, now=now, **form.cleaned_data
        )
        messages.success(request, "Invoices are written to this name from now on.")
        return redirect("quota:orders", request.account.slug)
    status = 422 if request.method == "POST" else 200
    return render_page(
        request, "quota/billing_details.html", {"form": form}, status=status
    )
