"""*Findings* across images, one finding, decisions, and exports."""

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts import spreadsheets
from accounts.errors import Refusal
from accounts.exports import stream_json
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from quota.forms.findings import FindingFilterForm, TriageForm
from quota.models import FindingGroup, Image
from quota.pages.finding import finding_page
from quota.pages.findings import findings_page
from quota.pages.findings_export import COLUMNS, export_rows
from quota.rules.units import parse_number
from quota.services import triaging


@require_GET
@with_account(Right.SEE)
def findings(request: AccountRequest) -> HttpResponse:
    """The list, or only its rows when the filters ask."""
    form = FindingFilterForm(request.GET)
    form.is_valid()
    page = findings_page(
        account=request.account,
        chosen=form.chosen(),
        sort=form.sort_by(),
        cursor=form.cleaned_data.get("after", ""),
        now=timezone.now(),
    )
    return render_page(
        request,
        "quota/findings.html",
        {"page": page, "form": form},
        partial="rows",
        status=422 if page.problem else 200,
    )


@require_GET
@with_account(Right.SEE)
def finding(request: AccountRequest, group: int) -> HttpResponse:
    """One finding: where it is, how to repair it, what was decided."""
    found = get_object_or_404(FindingGroup, account=request.account, pk=group)
    return _finding(request, found, TriageForm(account=request.account))


@require_POST
@with_account(Right.SCAN)
def triage(request: AccountRequest, group: int) -> HttpResponse:
    """Decide about a finding."""
    found = get_object_or_404(FindingGroup, account=request.account, pk=group)
    form = TriageForm(request.POST, account=request.account)
    status = 422
    if form.is_valid():
        try:
            triaging.decide(
                account=request.account,
                group=found,
                by=request.user,
                now=timezone.now(),
                **form.cleaned_data,
            )
        except Refusal as refusal:
            status = refusal.status
            form.add_error("note" if status == 422 else None, str(refusal))
    if not form.is_valid():
        return _finding(request, found, form, status=status)
    if wants_fragment(request):
        found.refresh_from_db()
        return _finding(request, found, TriageForm(account=request.account), done=True)
    messages.success(request, "Decided. It is kept when the images are scanned again.")
    return redirect("quota:finding", request.account.slug, found.pk)


def _finding(
    request: AccountRequest,
    group: FindingGroup,
    form: TriageForm,
    *,
    done: bool = False,
    status: int = 200,
) -> HttpResponse:
    after = request.GET.get("after", "")
    page = finding_page(
        group,
        only=_only(request),
        asked={} if done else form.data,
        after=after,
        account=request.account,
        now=timezone.now(),
    )
    context = {"page": page, "form": form, "done": done}
    partial_name = "more" if after else "detail"
    return render_page(
        request, "quota/finding.html", context, partial=partial_name, status=status
    )


def _only(request: AccountRequest) -> Image | None:
    """The image a decision may be narrowed down to; none if there is no such image."""
    asked = request.POST.get("only") or request.GET.get("image", "")
    images = Image.objects.filter(account=request.account, pk=parse_number(asked))
    return images.first()


@require_GET
@with_account(Right.SEE)
def export_csv(request: AccountRequest) -> StreamingHttpResponse:
    """Every finding that passes the filter, for a spreadsheet."""
    rows = (
        [spreadsheets.safe(row[column]) for column in COLUMNS]
        for row in _exported(request)
    )
    return spreadsheets.stream(_name(request, "csv"), COLUMNS, rows)


@require_GET
@with_account(Right.SEE)
def export_json(request: AccountRequest) -> StreamingHttpResponse:
    """Every finding that passes the filter, for a program."""
    return stream_json(_name(request, "json"), _exported(request))


def _exported(request: AccountRequest) -> Iterator[dict[str, str]]:
    form = FindingFilterForm(request.GET)
    form.is_valid()
    return export_rows(request.account, form.exported())


def _name(request: AccountRequest, kind: str) -> str:
    return f"findings-{request.account.slug}-{timezone.now():%Y-%m-%d}.{kind}"
