"""*Usage and ledger*, and its download."""

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts import spreadsheets
from accounts.http import AccountRequest, Right, render_page, with_account
from quota.forms.usage import EntriesForm
from quota.pages.cursors import UnknownCursor
from quota.pages.usage import CSV_HEADER, entries_csv, usage_page


@require_GET
@with_account(Right.SEE)
def usage(request: AccountRequest) -> HttpResponse:
    """The month's totals, its days and the entries, or only the rows to a filter."""
    now = timezone.now()
    form = EntriesForm(request.GET)
    form.is_valid()
    asked, status, problem = form.asked(), 200, ""
    try:
        page = usage_page(
            request.account, asked, form.cleaned_data.get("after", ""), now
        )
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here are the latest entries."
        page = usage_page(request.account, asked, "", now)
    context = {"page": page, "form": form, "problem": problem}
    return render_page(
        request, "quota/usage.html", context, partial="rows", status=status
    )


@require_GET
@with_account(Right.SEE)
def usage_csv(request: AccountRequest) -> StreamingHttpResponse:
    """Every entry that the filters leave, streamed."""
    form = EntriesForm(request.GET)
    form.is_valid()
    rows = entries_csv(request.account, form.asked(), timezone.now())
    return spreadsheets.stream(f"usage-{request.account.slug}.csv", CSV_HEADER, rows)
