"""Thin procrastinate tasks about payments: a job only wakes somebody to look."""

from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.models import TopUp
from accounts.services import settling


@app.task(name="accounts.payment_tasks.ask")
def ask(account_id: int, top_up_id: int) -> None:
    """Ask how one payment stands, now that its customer has come back."""
    top_up = TopUp.objects.select_related("by").get(account=account_id, pk=top_up_id)
    settling.ask(top_up=top_up, now=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="accounts.payment_tasks.reconcile",
    queueing_lock="payments",
    pass_context=False,
)
def reconcile(timestamp: int) -> None:
    """Ask about payments whose outcome is unknown."""
    settling.reconcile(now=timezone.now())
