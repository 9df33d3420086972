"""Waking the workers: a job says "look", the rows say what is to be done."""

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

WORK = "quota.tasks.work"
INVOICES = "quota.tasks.issue_invoices"
SYNC = "quota.tasks.sync_registry"


def wake_scanners(account_id: int) -> None:
    """Have the account's queued scans looked at, by a few workers and no more.

    More workers would only queue at the account's lock. A job that is already waiting
    is not doubled; the savepoint keeps that from poisoning the transaction.
    """
    for lane in range(settings.SCAN_LANES):
        lock = f"scan:{account_id}:{lane}"
        _defer_once(WORK, lock, account_id=account_id)


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
    job = app.configure_task(task, queueing_lock=lock, lock=runs_alone or lock)
    try:
        with transaction.atomic():
            job.defer(**arguments)
    except AlreadyEnqueued:
        return
