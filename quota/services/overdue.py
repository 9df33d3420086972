"""Scans whose time ran out: leases, deadlines, and holds that nobody claimed."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Account
from quota.models import Scan, Subscription
from quota.rules.lifecycle import SubscriptionState
from quota.services import ending, scheduling, waking
from quota.services.ending import Ended
from quota.services.sweeping import in_turn

MAX_ATTEMPTS = 3
UNCLAIMED = timedelta(hours=24)
INACTIVE = "Professional Edition expired before the scan began. Renew, then scan again."
ABANDONED = "The task was stopped before this scan could begin again. Scan again."
NO_SCANNER = "No scanner was free within 24 hours. Scan again."
TOO_LATE = "The scan did not finish in time. Scan again with a longer time limit."
WORKERS_GONE = (
    "The scan was cut off three times before it ended. Scan again; if that does not"
    " help, tell support."
)


def sweep(*, now: datetime) -> dict[str, int]:
    """End or requeue what ran out of time, in every account (rules 5.9).

    A lease that ran out means that the worker is gone, or the time limit: the scan is
    queued again, up to three attempts and never past its deadline; then it is released.
    A hold nobody claimed is released when its task was stopped, its stop-by passes, the
    account stops being active, or after 24 hours.
    """
    figures = dict.fromkeys(("requeued", "given_up", "expired", "woken"), 0)

    def see_to(account_id: int) -> int:
        figures["requeued"] += _requeue(account_id, now)
        figures["given_up"] += _give_up(account_id, now)
        figures["expired"] += _expire(account_id, now)
        figures["woken"] += _wake(account_id)
        return 1

    left = _accounts_with(Q(state="running", lease_until__lte=now))
    in_turn(dict.fromkeys([*left, *_accounts_with(Q(state="queued"))]), see_to)
    return figures


def _accounts_with(condition: Q) -> list[int]:
    scans = Scan.objects.filter(condition).order_by()
    return list(scans.values_list("account", flat=True).distinct())


def _requeue(account_id: int, now: datetime) -> int:
    return Scan.objects.filter(
        account=account_id,
        state="running",
        lease_until__lte=now,
        deadline_at__gt=now,
        attempts__lt=MAX_ATTEMPTS,
    ).update(state="queued", claim=None, lease_until=None)


@transaction.atomic
def _give_up(account_id: int, now: datetime) -> int:
    Account.objects.lock(account_id)
    lost = Scan.objects.filter(
        account=account_id, state="running", lease_until__lte=now
    )
    ended = [
        Ended(scan.pk, scan.claim, *_why_given_up(scan, now))
        for scan in lost.order_by("pk")
        if scan.claim
    ]
    return ending.end(account_id=account_id, ended=ended, now=now) if ended else 0


def _why_given_up(scan: Scan, now: datetime) -> tuple[Scan.Outcome, str]:
    if scan.deadline_at and scan.deadline_at <= now:
        return Scan.Outcome.TIMED_OUT, TOO_LATE
    return Scan.Outcome.FAILED, WORKERS_GONE


def _expire(account_id: int, now: datetime) -> int:
    subscription = Subscription.objects.current(account_id, now)
    active = subscription and subscription.state(now) is SubscriptionState.ACTIVE
    waiting = Scan.objects.filter(account=account_id, state="queued")
    if not active:
        return _release(account_id, waiting, INACTIVE, now)
    unreached = scheduling.stop_overdue(account_id=account_id, now=now)
    return unreached + sum(
        _release(account_id, waiting.filter(too_late), message, now)
        for too_late, message in (
            (Q(task__stopped_at__isnull=False), ABANDONED),
            (Q(held_at__lte=now - UNCLAIMED), NO_SCANNER),
        )
    )


def _release(
    account_id: int, waiting: QuerySet[Scan], message: str, now: datetime
) -> int:
    if not waiting.exists():
        return 0
    return ending.release_queued(
        account_id, waiting, Scan.Outcome.EXPIRED, message, now
    )


def _wake(account_id: int) -> int:
    if not Scan.objects.filter(account=account_id, state="queued").exists():
        return 0
    waking.wake_scanners(account_id)
    return 1
