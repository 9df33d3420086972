"""Acts of staff on what customers own: each one a service and an audit entry."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.errors import Conflict
from accounts.models import Account
from accounts.services import audit
from quota.errors import BadDecision
from quota.models import ScanTask, Tariff
from quota.services import scanning
from quota.services.deciding import Staff

PRICES = (
    "edition_price", "quota_price", "first_tenths", "repeat_tenths", "step",
    "max_quantity",
)  # fmt: skip


@transaction.atomic
def new_tariff(
    *, copied: Tariff, valid_from: datetime, prices: dict[str, Decimal | int],
    reason: str, staff: Staff, now: datetime,
) -> Tariff:  # fmt: skip
    """Add the next version of a tariff: a copy with other prices, from a date on.

    Rows are never changed, so what was sold keeps its prices. Refuses a date that has
    passed, or is not after the currency's newest version, and a copy without change.
    """
    newest = Tariff.objects.filter(currency=copied.currency).latest("valid_from")
    if valid_from <= now or valid_from <= newest.valid_from:
        raise BadDecision(
            "Choose a date in the future, after the newest version's"
            f" ({newest.valid_from:%d %b %Y, %H:%M} UTC)."
        )
    before = {name: getattr(copied, name) for name in PRICES}
    if before == prices:
        raise BadDecision("Change at least one price, step or weight.")
    made = Tariff.objects.create(
        currency=copied.currency, valid_from=valid_from, **prices
    )
    audit.record(
        by=staff.user,
        act="tariff added",
        target=str(made),
        before={name: str(value) for name, value in before.items()},
        after={name: str(prices[name]) for name in PRICES},
        reason=reason,
        address=staff.address,
        now=now,
    )
    return made


@transaction.atomic
def stop_task(*, task: ScanTask, reason: str, staff: Staff, now: datetime) -> int:
    """Stop a customer's scan task as the customer could. Returns how many scans were
    released; a second call releases none."""
    released = scanning.stop(task=task, by=staff.user, now=now)
    audit.record(
        by=staff.user,
        act="task stopped",
        target=str(task),
        account=task.account,
        after={"scans released": released},
        reason=reason,
        address=staff.address,
        now=now,
    )
    return released


@transaction.atomic
def retry_job(*, job: ProcrastinateJob, staff: Staff, now: datetime) -> None:
    """Run a failed job again. Refuses one that is not failed (any more) (409)."""
    locked = ProcrastinateJob.objects.select_for_update().get(pk=job.pk)
    if locked.status != "failed":
        raise Conflict(f"Job {job.pk} is {locked.status}, not failed.")
    app.job_manager.retry_job_by_id(
        job.pk, retry_at=now, priority=locked.priority, queue=locked.queue_name,
        lock=locked.lock,
    )  # fmt: skip
    audit.record(
        by=staff.user,
        act="job retried",
        target=f"{locked.task_name} {job.pk}",
        address=staff.address,
        now=now,
    )


def looked(
    *, account: Account, began: bool, staff: Staff, reason: str, now: datetime
) -> None:
    """Write down that staff began, or ended, to look at a customer's console."""
    audit.record(
        by=staff.user,
        act="look as customer" if began else "look ended",
        target=str(account),
        account=account,
        reason=reason,
        address=staff.address,
        now=now,
    )
