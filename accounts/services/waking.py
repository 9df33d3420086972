"""Waking the workers: a job says "look", the rows say what is to be done."""

from functools import partial

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

# Provided by whoever renews; named here, never imported.
RENEW = "quota.tasks.renew_account"
DELIVER = "accounts.tasks.deliver"


def wake_renewal(account_id: int) -> None:
    """Have a due renewal of this account tried at once, after the commit (rules 6)."""
    lock = f"renew:{account_id}"
    wake(RENEW, queueing_lock=lock, lock=lock, account_id=account_id)


def wake_senders_after_commit(channel: str) -> None:
    """Have what is due by this channel sent, once the transaction has committed.

    Nothing is written inside the transaction, so that no purchase waits for another's.
    A wake-up that is lost is made up by the sweep.
    """
    transaction.on_commit(partial(wake_senders, channel), robust=True)


def wake_senders(channel: str) -> None:
    """Have what is due by this channel sent now, by one worker. The channels have lanes
    of their own: a slow SMS provider delays no email."""
    lane = f"deliver:{channel}"
    wake(DELIVER, queueing_lock=lane, lock=lane, channel=channel)


def wake(name: str, *, queueing_lock: str, lock: str, **arguments: int | str) -> None:
    """Defer a job by its name. One that is already waiting is not doubled; the
    savepoint keeps that from poisoning the transaction."""
    job = app.configure_task(name, queueing_lock=queueing_lock, lock=lock)
    try:
        with transaction.atomic():
            job.defer(**arguments)
    except AlreadyEnqueued:
        return
