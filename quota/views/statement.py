"""Statements of months: page, PDF, and JSON that proves itself."""

from typing import TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.http import AccountRequest, Right, render_page, with_account
from quota.documents import invoice_pdf
from quota.models import QuotaWindow
from quota.pages.statement import statement_page, statement_paper, statements
from quota.rules.statement import document
from quota.statements import statement_lines

LARGEST = 2**63 - 1
AnyResponse = TypeVar("AnyResponse", HttpResponse, StreamingHttpResponse)


@require_GET
@with_account(Right.SEE)
def every(request: AccountRequest) -> HttpResponse:
    """The months there are statements of."""
    found = statements(request.account, timezone.now())
    return render_page(request, "quota/statements.html", {"months": found})


def _window(request: AccountRequest, window: int) -> QuotaWindow:
    windows = QuotaWindow.objects.select_related("tariff", "pack").filter(
        account=request.account, starts_at__lte=timezone.now()
    )
    return get_object_or_404(windows, pk=min(window, LARGEST))


@require_GET
@with_account(Right.SEE)
def statement(request: AccountRequest, window: int) -> HttpResponse:
    """One month's statement, and the place to prove a file of it."""
    page = statement_page(request.account, _window(request, window))
    return render_page(request, "quota/statement.html", {"page": page})


@require_GET
@with_account(Right.SEE)
def statement_pdf(request: AccountRequest, window: int) -> HttpResponse:
    """The same as PDF; of a closed month the same bytes each time."""
    page = statement_page(request.account, _window(request, window))
    drawn = invoice_pdf.draw([statement_paper(page)])
    response = HttpResponse(drawn, content_type="application/pdf")
    return _attached(response, request, window, "pdf")


@require_GET
@with_account(Right.SEE)
def statement_json(request: AccountRequest, window: int) -> StreamingHttpResponse:
    """Every entry in chained lines, streamed; of a closed month the same bytes each
    time."""
    lines = document(statement_lines(_window(request, window)))
    response = StreamingHttpResponse(lines, content_type="application/json")
    return _attached(response, request, window, "json")


def _attached(
    response: AnyResponse, request: AccountRequest, window: int, ending: str
) -> AnyResponse:
    name = f"statement-{request.account.slug}-{window}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
