"""*Local images*, *Repository images*, one image, and *Update images*."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from quota.errors import NotActive
from quota.forms.images import FilterForm
from quota.forms.scan import ScanForm
from quota.models import Image, Kind
from quota.pages.cursors import UnknownCursor
from quota.pages.header import standing
from quota.pages.image import image_page
from quota.pages.images import Listing, images_page
from quota.pages.platforms import passed_over
from quota.pages.registries import registries_page
from quota.pages.scan import bulk
from quota.pages.words import plural
from quota.services import scanning, syncing


@require_GET
@with_account(Right.SEE)
def images(request: AccountRequest, kind: Kind) -> HttpResponse:
    """The list, or only its rows when the filters ask."""
    now = timezone.now()
    form = FilterForm(request.GET, kind=kind)
    form.is_valid()
    stands = standing(request.account, now)
    status, problem = 200, ""
    cursor = form.cleaned_data.get("after", "")
    try:
        page = images_page(
            account=request.account,
            chosen=form.chosen(),
            sort=form.sort_by(),
            cursor=cursor,
            standing=stands,
            now=now,
        )
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here is the list from its beginning."
        page = images_page(
            account=request.account,
            chosen=form.chosen(),
            sort=form.sort_by(),
            cursor="",
            standing=stands,
            now=now,
        )
    context = {
        "kind": kind,
        "page": page,
        "form": form,
        "standing": stands,
        "header": stands.header,
        "problem": problem,
    }
    if kind is Kind.REPOSITORY:
        context["places"] = registries_page(request.account, now)
    return render_page(
        request, "quota/images.html", context, partial="rows", status=status
    )


@require_GET
@with_account(Right.SEE)
def image(request: AccountRequest, kind: Kind, digest: str) -> HttpResponse:
    """One image: what was found and assessed, and why each scan cost what it did."""
    now = timezone.now()
    found = get_object_or_404(Image, account=request.account, digest=digest)
    form = FilterForm(request.GET, kind=kind)
    form.is_valid()
    after = request.GET.get("after", "")
    page = image_page(
        found,
        listing=Listing(
            form.chosen(), form.sort_by() if "sort" in request.GET else None
        ),
        tab=request.GET.get("tab", "vulnerabilities"),
        after=after,
        account=request.account,
        standing=standing(request.account, now),
        now=now,
    )
    partial = "more" if after else "detail"
    context = {"kind": kind, "page": page}
    return render_page(request, "quota/image.html", context, partial=partial)


@require_POST
@with_account(Right.SCAN)
def update(request: AccountRequest) -> HttpResponse:
    """Read the sources that the operator allows this account."""
    figures = syncing.update_local_images(account=request.account, now=timezone.now())
    for problem in figures.problems[:5]:
        messages.warning(request, problem)
    messages.success(
        request,
        f"{plural(figures.seen, 'image')} seen, {figures.new:,} new, "
        f"{figures.gone:,} gone.",
    )
    return redirect("quota:images", request.account.slug, Kind.LOCAL)


@require_GET
@with_account(Right.SEE)
def selection(request: AccountRequest, kind: Kind) -> HttpResponse:
    """What the ticked images would cost: the bar under the list, never alone."""
    if not wants_fragment(request):
        return redirect("quota:images", request.account.slug, kind)
    now = timezone.now()
    form = ScanForm(_with_everything(request.GET), kind=kind)
    summary, beside = None, ""
    if form.is_valid() and (form.cleaned_data["image"] or "scope" in request.GET):
        try:
            quoted = scanning.quote(
                account=request.account, selection=form.selection(), now=now
            )
            summary = bulk(quoted, form.selection())
            beside = passed_over(request.account, form.selection(), now, is_brief=True)
        except NotActive as refusal:
            summary = bulk(None, form.selection(), str(refusal))
    context = {"kind": kind, "bulk": summary, "passed_over": beside}
    return render_page(request, "quota/_bulk.html", context)


def _with_everything(data: QueryDict) -> QueryDict:
    """The form wants categories; the bar's cost does not depend on them."""
    copy = data.copy()
    copy.setlist("categories", ["vulnerabilities"])
    return copy
