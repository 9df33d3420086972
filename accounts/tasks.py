"""Thin procrastinate tasks over services: a job only wakes somebody to look."""

from django.utils import timezone
from procrastinate.contrib.django import app

from accounts import channels
from accounts.models import Notice
from accounts.services import composing, delivering, waking


@app.task(name=waking.DELIVER, queue="notices")
def deliver(channel: str) -> None:
    """Send what is due by a channel. A second job finds nothing left to claim."""
    delivering.deliver_due(
        Notice,
        channel=channel,
        sender=channels.CONFIGURED[channel](),
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
