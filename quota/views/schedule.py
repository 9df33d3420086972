"""*Scheduled scan settings*: the drawer, its costs, saving and taking back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)
from django_htmx.http import HttpResponseClientRedirect

from accounts.errors import Refusal
from accounts.http import (
    AccountRequest,
    Right,
    render_page,
    wants_fragment,
    with_account,
)
from quota.candidates import ScanQuote
from quota.errors import NotActive, ScheduleMoved
from quota.forms.fields import unreadable
from quota.forms.schedule import SCOPES, ScheduleForm
from quota.models import Kind, Schedule, Scope
from quota.models.schedules import Settings
from quota.pages.header import Standing, standing
from quota.pages.schedule import SchedulePage, schedule_page
from quota.rules.units import parse_number
from quota.services import scanning, scheduling


@require_http_methods(["GET", "HEAD", "POST"])
@with_account(Right.SCAN)
def schedule(request: AccountRequest, kind: Kind) -> HttpResponse:
    """Show the settings with what they cost; on *Save* save them."""
    found = _found(request, kind)
    if request.method != "POST":
        return _drawer(request, kind, _form(request, found), found)
    now = timezone.now()
    form = ScheduleForm(request.POST)
    if not form.is_valid():
        wrong = unreadable(form, "revision")
        return _drawer(request, kind, form, found, refusal=wrong, status=422)
    try:
        saved = scheduling.save(
            account=request.account,
            kind=kind,
            settings=form.settings(kind),
            revision=form.cleaned_data["revision"] or 0,
            by=request.user,
            now=now,
        )
    except Refusal as refusal:
        found = _found(request, kind)
        form, status = _saved(found), refusal.status
        return _drawer(request, kind, form, found, refusal=refusal, status=status)
    _say_saved(request, saved, now)
    url = reverse("quota:images", args=[request.account.slug, kind])
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)


@require_GET
@with_account(Right.SCAN)
def estimate(request: AccountRequest, kind: Kind) -> HttpResponse:
    """What it costs, after a change in the drawer."""
    form, found = ScheduleForm(request.GET), _found(request, kind)
    return _drawer(request, kind, form, found, partial="estimate")


@require_POST
@with_account(Right.SCAN)
def undo(request: AccountRequest, kind: Kind) -> HttpResponse:
    """Bring the previous revision back; too late, it says so."""
    try:
        scheduling.undo(
            account=request.account,
            kind=kind,
            revision=parse_number(request.POST.get("revision", "")),
            by=request.user,
            now=timezone.now(),
        )
    except ScheduleMoved:
        messages.warning(request, "This can no longer be undone. Nothing was changed.")
    else:
        messages.success(request, "The schedule is as it was before.")
    return redirect("quota:images", request.account.slug, kind)


def _say_saved(request: AccountRequest, saved: Schedule, now: datetime) -> None:
    stands, kind = standing(request.account, now), Kind(saved.kind)
    page = _page(request, kind, saved, saved.settings, stands, now)
    context = {
        "account": request.account,
        "schedule": saved,
        "words": page.next_run if saved.is_on else "",
    }
    flash = render_to_string("quota/_schedule_saved.html", context, request)
    messages.success(request, flash)


def _found(request: AccountRequest, kind: Kind) -> Schedule | None:
    return Schedule.objects.filter(account=request.account, kind=kind).first()


def _form(request: AccountRequest, found: Schedule | None) -> ScheduleForm:
    """What is saved, or what was typed when the page asks for its cost without a
    script."""
    if "revision" in request.GET:
        return ScheduleForm(request.GET)
    return _saved(found, ticked=request.GET.getlist("image"))


def _saved(found: Schedule | None, ticked: Sequence[str] = ()) -> ScheduleForm:
    """What is saved; with images ticked in the list, these are chosen as well."""
    settings = found.settings if found else Settings(is_on=True)
    fields = ScheduleForm.fields_of(settings, found.revision if found else 0)
    if ticked:
        chosen = [*fields.get("image", []), *ticked]
        fields |= {"is_on": ["1"], "scope": ["selected"], "image": chosen}
    data = QueryDict(mutable=True)
    for name, values in fields.items():
        data.setlist(name, values)
    return ScheduleForm(data)


def _drawer(
    request: AccountRequest,
    kind: Kind,
    form: ScheduleForm,
    found: Schedule | None,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
    partial: str = "drawer",
) -> HttpResponse:
    now = timezone.now()
    stands = standing(request.account, now)
    is_valid = form.is_valid()
    settings = form.settings(kind) if is_valid else None
    shown = settings or (found.settings if found else Settings())
    context: dict[str, Any] = {
        "kind": kind,
        "form": form,
        "refusal": refusal,
        "is_valid": is_valid,
        "page": _page(request, kind, found, shown, stands, now),
        "revision": found.revision if found else 0,
        "stands_active": stands.is_active,
        "quota_mini": stands.header,
        "quota_pause": stands.pause,
    }
    if not is_valid:
        status = max(status, 422)
    return render_page(
        request, "quota/schedule.html", context, partial=partial, status=status
    )


def _page(
    request: AccountRequest,
    kind: Kind,
    found: Schedule | None,
    settings: Settings,
    stands: Standing,
    now: datetime,
) -> SchedulePage:
    return schedule_page(
        account=request.account,
        kind=kind,
        schedule=found,
        settings=settings,
        quotes=_quotes(request, kind, settings, now),
        stands=stands,
        now=now,
    )


def _quotes(
    request: AccountRequest, kind: Kind, settings: Settings, now: datetime
) -> Mapping[Scope, ScanQuote]:
    """What each choice costs; none while nothing can be scanned."""
    offered = [s for s in SCOPES if s is not Scope.SELECTED or settings.images]
    selections = {
        scope: replace(settings, scope=scope).selection(kind) for scope in offered
    }
    try:
        return scanning.quotes(account=request.account, selections=selections, now=now)
    except NotActive:
        return {}
