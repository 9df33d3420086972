"""What a month was used for, by source, name, schedule or hand, and person."""

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts import spreadsheets
from accounts.http import AccountRequest, Right, render_page, with_account
from quota.forms.usage import BreakdownForm
from quota.pages.breakdown import CSV_HEADER, breakdown_csv, breakdown_page


@require_GET
@with_account(Right.SEE)
def breakdown(request: AccountRequest) -> HttpResponse:
    """The shares of a month, the largest leading."""
    form = BreakdownForm(request.GET)
    form.is_valid()
    page = breakdown_page(request.account, *form.asked(), timezone.now())
    return render_page(
        request, "quota/breakdown.html", {"page": page}, partial="shares"
    )


@require_GET
@with_account(Right.SEE)
def breakdown_file(request: AccountRequest) -> StreamingHttpResponse:
    """The same as CSV, with every share."""
    form = BreakdownForm(request.GET)
    form.is_valid()
    month, by = form.asked()
    rows = breakdown_csv(request.account, month, by, timezone.now())
    name = f"usage-by-{by}-{request.account.slug}.csv"
    return spreadsheets.stream(name, CSV_HEADER, rows)
