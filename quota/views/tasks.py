"""Scan tasks: the list, one task, stopping and undoing it."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.http import AccountRequest, Right, render_page, with_account
from quota.candidates import ScanQuote
from quota.errors import AlreadyBegun, NotActive
from quota.forms.tasks import TaskFilterForm
from quota.models import Kind, ScanTask, Scope, Selection
from quota.pages.cursors import UnknownCursor
from quota.pages.task import Offers, task_page
from quota.pages.task_asked import Asked
from quota.pages.tasks import tasks_page
from quota.pages.words import plural
from quota.services import scanning


@require_GET
@with_account(Right.SEE)
def tasks(request: AccountRequest) -> HttpResponse:
    """The list, or only its rows when the filters ask."""
    now = timezone.now()
    form = TaskFilterForm(request.GET, account=request.account)
    form.is_valid()
    chosen, cursor = form.chosen(), form.cleaned_data.get("after", "")
    status, problem = 200, ""
    try:
        page = tasks_page(request.account, chosen, cursor, now)
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here is the list from its beginning."
        page = tasks_page(request.account, chosen, "", now)
    context = {"page": page, "form": form, "problem": problem}
    return render_page(
        request, "quota/tasks.html", context, partial="rows", status=status
    )


@require_GET
@with_account(Right.SEE)
def task(request: AccountRequest, task: int) -> HttpResponse:
    """One task; to a poll only what changes of it."""
    now = timezone.now()
    found, asked = _task(request, task), _asked(request.GET)
    offers = _offers(request, found, now)
    status, problem = 200, ""
    try:
        page = task_page(found, request.account, asked, offers, now)
    except UnknownCursor as unknown:
        status, problem = 422, f"{unknown} Here is the list from its beginning."
        page = task_page(found, request.account, Asked(), offers, now)
    context = {"page": page, "problem": problem}
    return render_page(
        request, "quota/task.html", context, partial="progress", status=status
    )


def _asked(query: QueryDict) -> Asked:
    only, seen = query.get("only", ""), query.get("seen", "")
    return Asked(
        only=only if only in {"failed", "risk"} else "",
        after=query.get("after", "")[:500],
        is_paused="pause" in query,
        asks_stop="stop" in query,
        seen=int(seen) if seen in {"1", "2", "3", "4"} else 0,
        is_poll="seen" in query,
    )


def _offers(request: AccountRequest, task: ScanTask, now: datetime) -> Offers:
    """What scanning an ended task's images anew would cost whoever may do it."""
    if task.ended_at is None or Right.SCAN not in request.rights:
        return Offers()

    def price(scope: Scope) -> ScanQuote:
        selection = Selection(scope, kind=Kind(task.kind), task=task.pk)
        return scanning.quote(account=request.account, selection=selection, now=now)

    try:
        retry = price(Scope.RETRY) if task.failed else None
        return Offers(retry, price(Scope.AGAIN))
    except NotActive:
        return Offers()


@require_POST
@with_account(Right.SCAN)
def stop(request: AccountRequest, task: int) -> HttpResponse:
    """Stop a task; a second press stops nothing more."""
    found = _task(request, task)
    returned = scanning.stop(task=found, by=request.user, now=timezone.now())
    messages.success(request, f"Stopped. {plural(returned, 'image')} will not start.")
    return redirect("quota:task", request.account.slug, found.pk)


@require_POST
@with_account(Right.SCAN)
def undo(request: AccountRequest, task: int) -> HttpResponse:
    """Take a task back before its first image starts; too late, it says so."""
    found = _task(request, task)
    try:
        scanning.undo(task=found, by=request.user, now=timezone.now())
    except AlreadyBegun as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(
            request, f"Task {found.pk} was undone. All of its quota is back."
        )
    return redirect("quota:task", request.account.slug, found.pk)


def _task(request: AccountRequest, number: int) -> ScanTask:
    tasks = ScanTask.objects.select_related("requested_by", "stopped_by")
    return get_object_or_404(tasks, account=request.account, pk=min(number, 2**62))
