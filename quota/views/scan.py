"""*Scan now*: the dialog, its estimate, and the press."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    who_has,
    with_account,
)
from quota.errors import NotActive
from quota.forms.fields import unreadable
from quota.forms.scan import ScanForm
from quota.models import Kind, ScanTask, Scope, Selection
from quota.pages.header import Standing, standing
from quota.pages.platforms import passed_over
from quota.pages.scan import estimate as estimated
from quota.pages.scan import scope_choice
from quota.pages.words import plural
from quota.rules.units import format_quota
from quota.services import scanning

CARRIED = (
    "q", "state", "risk", "cost", "running", "retry", "again",
    "registry", "type", "namespace", "tag", "latest",
)  # fmt: skip
HIDDEN = ("scope", "retry", "again", "agreed_set", "agreed_cost", "agreed_images")


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SCAN)
def scan_now(request: AccountRequest, kind: Kind) -> HttpResponse:
    """Show what a scan would cost; on a press with an agreed cost, start it."""
    pressed = request.method == "POST" and "agreed_set" in request.POST
    if not pressed:
        data = request.POST if request.method == "POST" else request.GET
        return _dialog(request, kind, _with_categories(data))
    now = timezone.now()
    form = ScanForm(request.POST, kind=kind)
    if not form.is_valid() or not form.cleaned_data["key"]:
        wrong = unreadable(form, *HIDDEN)
        return _dialog(request, kind, request.POST, refusal=wrong, status=422)
    try:
        task = scanning.reserve(
            account=request.account,
            request=form.request(fit=form.cleaned_data["fit"]),
            agreed=form.agreed(),
            key=form.cleaned_data["key"],
            by=request.user,
            now=now,
        )
    except Refusal as refusal:
        return _dialog(
            request, kind, request.POST, refusal=refusal, status=refusal.status
        )
    _say_started(request, task)
    url = _back(request, task)
    if wants_fragment(request):
        return HttpResponseClientRedirect(url)
    return redirect(url)


def _back(request: AccountRequest, task: ScanTask) -> str:
    """Where the press came from: a list of images, or an earlier task, whose place
    the new one takes."""
    if task.asked["selection"]["task"]:
        return reverse("quota:task", args=[request.account.slug, task.pk])
    return reverse("quota:images", args=[request.account.slug, task.kind])


def _say_started(request: AccountRequest, task: ScanTask) -> None:
    """The flash, with a button that takes the press back."""
    context = {
        "account": request.account,
        "task": task,
        "words": f"{plural(task.images, 'image')}, "
        f"{format_quota(task.cost_tenths)} quota held.",
    }
    flash = render_to_string("quota/_started.html", context, request)
    messages.success(request, flash)


@require_GET
@with_account(Right.SCAN)
def estimate(request: AccountRequest, kind: Kind) -> HttpResponse:
    """The cost again, after a change in the dialog."""
    return _dialog(request, kind, _with_categories(request.GET), partial="estimate")


def _with_categories(data: QueryDict) -> QueryDict:
    """All risk categories, until the person has chosen."""
    if "categories" in data or ("scope" in data and "key" in data):
        return data
    copy = data.copy()
    copy.setlist("categories", ["vulnerabilities", "trojans", "sensitive_data"])
    return copy


def _dialog(
    request: AccountRequest,
    kind: Kind,
    data: QueryDict,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
    partial: str = "dialog",
) -> HttpResponse:
    now = timezone.now()
    stands = standing(request.account, now)
    form = ScanForm(data, kind=kind)
    valid = form.is_valid()
    context: dict[str, Any] = {
        "kind": kind,
        "form": form,
        "refusal": refusal,
        "standing": stands,
        "header": stands.header,
        "key": ScanForm.new_key(),
        "carried": [(name, data[name]) for name in CARRIED if data.get(name)],
    }
    if "image" not in form.errors and valid | ("categories" in form.errors):
        context |= _quoted(request, form, stands, now)
    if not valid:
        status = max(status, 422)
    return render_page(
        request, "quota/scan_now.html", context, partial=partial, status=status
    )


def _quoted(
    request: AccountRequest, form: ScanForm, stands: Standing, now: datetime
) -> dict[str, Any]:
    selection = form.selection()
    try:
        prices = scanning.quotes(
            account=request.account,
            selections={
                scope: replace(selection, scope=scope) for scope in _offered(selection)
            },
            now=now,
        )
    except NotActive as refusal:
        return {"not_active": refusal}
    empty = not prices[selection.scope].all.images
    if selection.scope is Scope.RECOMMENDED and "scope" not in form.data and empty:
        selection = replace(selection, scope=Scope.ALL)
    quoted = prices[selection.scope]
    is_blocked = quoted.missing_tenths and Right.MONEY not in request.rights
    choices = [scope_choice(scope, selection, prices[scope]) for scope in prices]
    return {
        "estimate": estimated(quoted, stands.tariff, stands.header),
        "selection": selection,
        "choices": choices,
        "passed_over": passed_over(request.account, selection, now),
        "helpers": who_has(request.account, Right.MONEY) if is_blocked else "",
    }


def _offered(selection: Selection) -> Sequence[Scope]:
    """The chosen scope first, where only a list or a task can give it."""
    given = [selection.scope] if selection.scope in FROM_ELSEWHERE else []
    return [*given, Scope.RECOMMENDED, Scope.ALL]


FROM_ELSEWHERE = (Scope.SELECTED, Scope.MATCHING, Scope.RETRY, Scope.AGAIN)
