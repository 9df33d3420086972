"""The ledger's own statements at the edges of windows (rules 3.4, 5.8)."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Account
from quota import ledger
from quota.models import LedgerEntry, QuotaWindow, Scan
from quota.quotes import Basket
from tests.factories import ImageFactory, account_with, buy, press

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=1)


@pytest.fixture
def account(now: datetime) -> Account:
    """Two purchases of which the older has two first scans left."""
    account = account_with(now=now, months=1)
    QuotaWindow.objects.update(granted_tenths=20)
    buy(account, Basket(quantity=300), now + LATER)
    return account


def test_a_window_filled_to_its_last_tenth_gives_nothing_to_the_next_scan(
    account: Account, now: datetime
) -> None:
    older, newer = QuotaWindow.objects.order_by("pk").values_list("pk", flat=True)

    press(account, ImageFactory.create_batch(4, account=account), now + LATER)

    holds = LedgerEntry.objects.filter(kind="hold").order_by("image_digest", "pk")
    assert list(holds.values_list("window", "tenths", "free_after_tenths")) == [
        (older, 10, 10),
        (older, 10, 0),
        (newer, 10, 2990),
        (newer, 10, 2980),
    ]


def test_only_windows_in_which_the_scans_hold_quota_are_locked(
    account: Account, now: datetime
) -> None:
    older, newer = QuotaWindow.objects.order_by("pk").values_list("pk", flat=True)
    press(account, ImageFactory.create_batch(3, account=account), now + LATER)
    first, _, third = Scan.objects.order_by("image_digest").values_list("pk", flat=True)

    assert ledger.lock_windows_of(account.pk, [first]) == [older]
    assert ledger.lock_windows_of(account.pk, [third]) == [newer]
    assert ledger.lock_windows_of(account.pk, [first, third]) == [older, newer]


def test_what_lapsed_does_not_lapse_again(account: Account) -> None:
    window = QuotaWindow.objects.earliest("pk")

    ledger.lapse(account.pk, [window.pk], window.ends_at)
    ledger.lapse(account.pk, [window.pk], window.ends_at + LATER)

    (lapse,) = LedgerEntry.objects.filter(kind="lapse")
    window.refresh_from_db()
    assert (lapse.tenths, window.lapsed_tenths, window.free_tenths) == (20, 20, 0)
    assert window.lapsed_at == window.ends_at


def test_a_refund_takes_back_what_is_free_in_windows_that_are_not_over(
    now: datetime,
) -> None:
    account = account_with(now=now, months=3)
    over, full, free = QuotaWindow.objects.order_by("number")
    QuotaWindow.objects.filter(pk=full.pk).update(used_tenths=full.granted_tenths)

    ledger.revoke(account.pk, over.pack_id, over.ends_at)

    revoked = LedgerEntry.objects.filter(kind="revoke")
    assert list(revoked.values_list("window", "tenths")) == [(free.pk, 3000)]
    left = QuotaWindow.objects.order_by("number").values_list("free_tenths", flat=True)
    assert list(left) == [3000, 0, 0]
