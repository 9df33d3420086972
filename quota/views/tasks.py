"""Scan tasks: the list, one task, stopping it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.http import AccountRequest, Right, render_page, with_account
from quota.models import ScanTask
from quota.pages.tasks import task_page, tasks_page
from quota.pages.words import plural
from quota.services import scanning


@require_GET
@with_account(Right.SEE)
def tasks(request: AccountRequest) -> HttpResponse:
    """The latest tasks."""
    rows = tasks_page(request.account, timezone.now())
    return render_page(request, "quota/tasks.html", {"tasks": rows})


@require_GET
@with_account(Right.SEE)
def task(request: AccountRequest, task: int) -> HttpResponse:
    """One task; to a poll only its progress and rows."""
    found = _task(request, task)
    only = "failed" if request.GET.get("only") == "failed" else ""
    page = task_page(found, request.account, only, timezone.now())
    asks_stop = "stop" in request.GET
    context = {"page": page, "asks_stop": asks_stop}
    return render_page(request, "quota/task.html", context, partial="progress")


@require_POST
@with_account(Right.SCAN)
def stop(request: AccountRequest, task: int) -> HttpResponse:
    """Stop a task; a second press stops nothing more."""
    found = _task(request, task)
    returned = scanning.stop(task=found, by=request.user, now=timezone.now())
    messages.success(request, f"Stopped. {plural(returned, 'image')} will not start.")
    return redirect("quota:task", request.account.slug, found.pk)


def _task(request: AccountRequest, number: int) -> ScanTask:
    tasks = ScanTask.objects.select_related("requested_by", "stopped_by")
    return get_object_or_404(tasks, account=request.account, pk=min(number, 2**62))
