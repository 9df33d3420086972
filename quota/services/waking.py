"""Waking the workers: a job says "look", the rows say what is to be done."""

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

WORK = "quota.tasks.work"


def wake_scanners(account_id: int) -> None:
    """Have the account's queued scans looked at, by a few workers and no more.

    More workers would only queue at the account's lock. A job that is already waiting
    is not doubled; the savepoint keeps that from poisoning the transaction.
    """
    for lane in range(settings.SCAN_LANES):
        lock = f"scan:{account_id}:{lane}"
        job = app.configure_task(WORK, queueing_lock=lock, lock=lock)
        try:
            with transaction.atomic():
                job.defer(account_id=account_id)
        except AlreadyEnqueued:
            continue
