"""Thin procrastinate tasks over services: a job only wakes somebody to look."""

from django.utils import timezone
from procrastinate.contrib.django import app

from accounts import channels
from accounts.models import Letter, Notice
from accounts.services import composing, delivering, letters, throttling, waking


@app.task(name=waking.DELIVER, queue="notices")
def deliver(channel: str) -> None:
    """Send what is due by a channel: letters first, for which somebody waits. A second
    job finds nothing left to claim."""
    sender = channels.CONFIGURED[channel]()
    delivering.deliver_due(
        Letter,
        channel=channel,
        sender=sender,
        compose=letters.compose,
        clock=timezone.now,
    )
    delivering.deliver_due(
        Notice,
        channel=channel,
        sender=sender,
        compose=composing.compose,
        clock=timezone.now,
    )


@app.periodic(cron="*/15 * * * * *")
@app.task(
    name="accounts.tasks.sweep",
    queue="notices",
    queueing_lock="sweep-notices",
    pass_context=False,
)
def sweep(timestamp: int) -> None:
    """Send what is due again, or was left by a worker that died."""
    for channel in channels.CONFIGURED:
        waking.wake_senders(channel)


@app.periodic(cron="15 2 * * *")
@app.task(
    name="accounts.tasks.clear",
    queue="notices",
    queueing_lock="clear-throttles",
    pass_context=False,
)
def clear(timestamp: int) -> None:
    """Delete counts of tries that no longer matter, nightly."""
    throttling.clear_old(now=timezone.now())
