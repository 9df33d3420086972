"""Waking the workers: a job says "look", the rows say what is to be done."""

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

# Provided by whoever renews; named here, never imported.
RENEW = "quota.tasks.renew_account"


def wake_renewal(account_id: int) -> None:
    """Have a due renewal of this account tried at once, after the commit (rules 6)."""
    lock = f"renew:{account_id}"
    wake(RENEW, queueing_lock=lock, lock=lock, account_id=account_id)


def wake(name: str, *, queueing_lock: str, lock: str, **arguments: int) -> None:
    """Defer a job by its name. One that is already waiting is not doubled; the
    savepoint keeps that from poisoning the transaction."""
    job = app.configure_task(name, queueing_lock=queueing_lock, lock=lock)
    try:
        with transaction.atomic():
            job.defer(**arguments)
    except AlreadyEnqueued:
        return
