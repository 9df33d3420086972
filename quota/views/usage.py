"""*Usage and ledger*: its lines, what each opens to, and its download."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts import spreadsheets
from accounts.http import AccountRequest, Right, render_page, with_account
from quota.forms.usage import EntriesForm
from quota.models import LedgerBatch, LedgerEntry
from quota.pages.batch import batch_page
from quota.pages.charge import charge
from quota.pages.cursors import UnknownCursor
from quota.pages.ledger_csv import CSV_HEADER, entries_csv
from quota.pages.usage import usage_page
from quota.pages.words import Clock

LARGEST = 2**63 - 1


@require_GET
@with_account(Right.SEE)
def usage(request: AccountRequest) -> HttpResponse:
    """A month's totals, its days and the lines; only these to a filter, and only more
    lines to who loads them."""
    now = timezone.now()
    form = EntriesForm(request.GET)
    form.is_valid()
    asked, status, problem = form.asked(), 200, ""
    after = form.cleaned_data.get("after", "")
    try:
        page = usage_page(request.account, asked, after, now)
    except UnknownCursor as unknown:
        status, problem, after = 422, f"{unknown} Here are the latest entries.", ""
        page = usage_page(request.account, asked, "", now)
    context = {"page": page, "form": form, "problem": problem}
    partial = "more" if after else "rows"
    return render_page(
        request, "quota/usage.html", context, partial=partial, status=status
    )


@require_GET
@with_account(Right.SEE)
def usage_csv(request: AccountRequest) -> StreamingHttpResponse:
    """Every entry that the filters leave, streamed."""
    form = EntriesForm(request.GET)
    form.is_valid()
    rows = entries_csv(request.account, form.asked(), timezone.now())
    return spreadsheets.stream(f"usage-{request.account.slug}.csv", CSV_HEADER, rows)


@require_GET
@with_account(Right.SEE)
def entry(request: AccountRequest, entry: int) -> HttpResponse:
    """Why one entry is what it is."""
    found = get_object_or_404(
        LedgerEntry, account=request.account, pk=min(entry, LARGEST)
    )
    page = charge(
        request.account,
        found,
        Clock(request.account, timezone.now()),
        sees_orders=Right.MONEY in request.rights,
    )
    return render_page(request, "quota/charge.html", {"page": page}, partial="detail")


@require_GET
@with_account(Right.SEE)
def batch(request: AccountRequest, batch: int) -> HttpResponse:
    """The entries of one line."""
    found = get_object_or_404(
        LedgerBatch, account=request.account, pk=min(batch, LARGEST)
    )
    clock, after = Clock(request.account, timezone.now()), request.GET.get("after", "")
    status, problem = 200, ""
    try:
        page = batch_page(request.account, found, after, clock)
    except UnknownCursor as unknown:
        status, problem, after = 422, f"{unknown} Here are the latest.", ""
        page = batch_page(request.account, found, "", clock)
    context = {"page": page, "problem": problem}
    partial = "more" if after else "detail"
    return render_page(
        request, "quota/batch.html", context, partial=partial, status=status
    )
