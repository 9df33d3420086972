"""Waking the workers: a job says "look", the rows say what is to be done."""

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

WORK = "quota.tasks.work"
INVOICES = "quota.tasks.issue_invoices"
SYNC = "quota.tasks.sync_registry"


def wake_scanners(account_id: int) -> None:
    """Have the account's queued scans looked at, by a few workers and no more.

    More workers would only queue at the account's lock. A job that is already waiting
    is not doubled: on a busy account one look finds that all of them are.
    """
    lanes = [f"scan:{account_id}:{lane}" for lane in range(settings.SCAN_LANES)]
    waiting = ProcrastinateJob.objects.filter(queueing_lock__in=lanes, status="todo")
    known = set(waiting.values_list("queueing_lock", flat=True))
    for lane in lanes:
        if lane not in known:
            _defer_once(WORK, lane, account_id=account_id)


def wake_sync(account_id: int, sync_id: int) -> None:
    """Have a sync looked at. The job carries its number and nothing else."""
    _defer_once(SYNC, f"sync:{sync_id}", account_id=account_id, sync_id=sync_id)


def wake_invoicing(account_id: int) -> None:
    """Have the account's order invoiced. The jobs run one after another, but none waits
    to be queued for another account's purchase to be over."""
    _defer_once(INVOICES, f"invoices:{account_id}", runs_alone="invoices")


def _defer_once(
    task: str, lock: str, *, runs_alone: str = "", **arguments: int
) -> None:
    """Queue a job unless one is waiting; the savepoint keeps another transaction's
    job of the same moment from poisoning this one."""
    job = app.configure_task(task, queueing_lock=lock, lock=runs_alone or lock)
    try:
        with transaction.atomic():
            job.defer(**arguments)
    except AlreadyEnqueued:
        return
