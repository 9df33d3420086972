"""Orders and receipts."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.http import AccountRequest, Right, render_page, with_account
from quota.models import Order
from quota.pages.header import standing
from quota.pages.purchase import orders_page, receipt


@require_GET
@with_account(Right.MONEY)
def orders(request: AccountRequest) -> HttpResponse:
    """What was bought."""
    rows = orders_page(request.account, timezone.now())
    return render_page(request, "quota/orders.html", {"orders": rows})


@require_GET
@with_account(Right.MONEY)
def order(request: AccountRequest, number: int) -> HttpResponse:
    """One order's receipt."""
    now = timezone.now()
    orders = Order.objects.select_related("by")
    found = get_object_or_404(
        orders, account=request.account, number=min(number, 2**31 - 1)
    )
    context = {
        "receipt": receipt(found, request.account, now),
        "standing": standing(request.account, now),
    }
    return render_page(request, "quota/order.html", context)
