"""*Balance* and its movements as CSV."""

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts import spreadsheets
from accounts.http import AccountRequest, Right, render_page, with_account
from quota.forms.topup import MovementsForm
from quota.pages.balance import (
    CSV_HEADER,
    balance_page,
    movements_csv,
    next_charge,
)
from quota.pages.cursors import UnknownCursor
from quota.services import auto_renewal


@require_GET
@with_account(Right.MONEY)
def balance(request: AccountRequest) -> HttpResponse:
    """The figure and its movements, or only the rows when the filters ask."""
    now = timezone.now()
    form = MovementsForm(request.GET)
    form.is_valid()
    asked, status, problem = form.asked(), 200, ""
    try:
        page = balance_page(
            request.account, asked, form.cleaned_data.get("after", ""), now
        )
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here are the latest movements."
        page = balance_page(request.account, asked, "", now)
    context = {
        "page": page,
        "form": form,
        "problem": problem,
        "next_charge": next_charge(
            request.account, auto_renewal.outlook(account=request.account, now=now), now
        ),
    }
    return render_page(
        request, "quota/balance.html", context, partial="rows", status=status
    )


@require_GET
@with_account(Right.MONEY)
def balance_csv(request: AccountRequest) -> StreamingHttpResponse:
    """Every movement that the filters leave, streamed."""
    form = MovementsForm(request.GET)
    form.is_valid()
    rows = movements_csv(request.account, form.asked())
    return spreadsheets.stream(f"balance-{request.account.slug}.csv", CSV_HEADER, rows)
