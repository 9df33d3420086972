"""Booking what lapsed: the ledger catches up with the calendar, once per window."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import Account, Notice
from accounts.services import notices
from quota import ledger
from quota.models import QuotaWindow
from quota.rules.dates import moment_words
from quota.rules.lifecycle import can_grow
from quota.rules.renewal import natural_end
from quota.services.sweeping import in_turn


def lapse_ended(*, now: datetime) -> int:
    """Book the lapse of every window that is over. Returns how many; a second call, or
    another worker, books none twice.

    A window cut short at E waits until it can no longer grow (rules 3.4): a renewal
    within the grace period would lengthen it.
    """
    ended = QuotaWindow.objects.filter(ends_at__lte=now, lapsed_at=None)
    accounts = ended.order_by("account").values_list("account", flat=True).distinct()
    return in_turn(accounts, lambda account_id: _lapse(account_id, now))


@transaction.atomic
def _lapse(account_id: int, now: datetime) -> int:
    account = Account.objects.lock(account_id)
    ended = QuotaWindow.objects.filter(
        account=account_id, ends_at__lte=now, lapsed_at=None
    ).select_related("pack__subscription")
    over = [window for window in ended.locked() if not _may_grow(window, now)]
    ledger.lapse(account_id, [window.pk for window in over], now)
    _tell_what_ended(account, over, now)
    return len(over)


def _may_grow(window: QuotaWindow, now: datetime) -> bool:
    pack = window.pack
    natural = natural_end(pack.anchor, window.number, ZoneInfo(pack.zone))
    return can_grow(window.ends_at, natural, pack.subscription.ends_at, now)


def _tell_what_ended(
    account: Account, over: Iterable[QuotaWindow], now: datetime
) -> None:
    """A pack that was dropped or left out has no window after its last, so its end is
    told (rules 4.5), unless it was refunded; where Professional Edition ends with it,
    its own notices say more."""
    for window in over:
        pack = window.pack
        goes_on = not (pack.dropped_at or pack.left_out_at) or pack.closed_at
        if goes_on or window.ends_at >= pack.subscription.ends_at:
            continue
        later = QuotaWindow.objects.filter(
            account=account, pack=pack, number__gt=window.number
        )
        if not later.exists():
            notices.queue(
                account=account,
                kind=Notice.Kind.PACK_ENDS,
                audience=notices.Audience.MONEY,
                subject=f"pack:{pack.pk}",
                context={
                    "quantity": f"{pack.quantity:,}",
                    "ends": moment_words(window.ends_at, ZoneInfo(pack.zone)),
                },
                now=now,
            )
