"""Booking what lapsed: the ledger catches up with the calendar, once per window."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from accounts.models import Account
from quota import ledger
from quota.models import QuotaWindow
from quota.rules.lifecycle import GRACE


def lapse_ended(*, now: datetime) -> int:
    """Book the lapse of every window that is over. Returns how many; a second call, or
    another worker, books none twice.

    A window cut short at E waits until it can no longer grow (rules 3.4): a renewal
    within the grace period would lengthen it.
    """
    over = Q(ends_at__lt=F("pack__subscription__ends_at"), ends_at__lte=now)
    past_grace = Q(ends_at__lt=now - GRACE)
    due = QuotaWindow.objects.filter(over | past_grace, lapsed_at=None)
    by_account: dict[int, list[int]] = {}
    for account_id, window_id in due.values_list("account", "pk"):
        by_account.setdefault(account_id, []).append(window_id)
    for account_id, window_ids in by_account.items():
        _lapse(account_id, window_ids, now)
    return sum(len(window_ids) for window_ids in by_account.values())


@transaction.atomic
def _lapse(account_id: int, window_ids: list[int], now: datetime) -> None:
    Account.objects.lock(account_id)
    windows = QuotaWindow.objects.filter(account=account_id, pk__in=window_ids)
    still_over = [window.pk for window in windows.locked() if window.ends_at <= now]
    ledger.lapse(account_id, still_over, now)
