"""Many processes renew, buy and try at once: one renewal, nothing overdrawn."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.errors import InsufficientBalance
from accounts.models import Account, BalanceEntry, Notice
from quota.errors import QuoteMoved
from quota.models import Order, Subscription, Term
from quota.quotes import Basket, RenewalBasket
from quota.rules.lifecycle import GRACE
from quota.services import auto_renewal, purchasing, renewing, terminating, windows
from tests.factories import ImageFactory, account_with, top_up
from tests.races.test_reserving import books_are_proved, together

pytestmark = pytest.mark.django_db(transaction=True)
BOUGHT = datetime(2026, 1, 31, 14, tzinfo=UTC)
END = datetime(2026, 3, 31, 14, tzinfo=UTC)
PRICE = Decimal("24.75")


def renew_as_seen(barrier: object, state: str, total: Decimal) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    try:
        renewing.renew(
            account=Account.objects.get(),
            basket=RenewalBasket(1),
            state=state,
            total=total,
            key=uuid4(),
            by=None,
            now=END,
        )
    except QuoteMoved:
        return


def test_tabs_that_renew_at_once_renew_once() -> None:
    account = account_with(now=BOUGHT)
    seen = renewing.quote(account=account, basket=RenewalBasket(1), now=END)

    together(renew_as_seen, [(seen.state, seen.total)] * 6)

    assert Term.objects.count() == 2
    assert BalanceEntry.objects.filter(kind="renewal").count() == 1
    assert books_are_proved()


def sweep(barrier: object, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    auto_renewal.sweep(now=now)


def test_workers_charge_a_term_once() -> None:
    account = account_with(now=BOUGHT, spare=100)
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)

    together(sweep, [(END,)] * 6)

    account.refresh_from_db()
    assert account.balance == 100 - PRICE
    assert Term.objects.count() == 2
    assert books_are_proved()


def test_workers_that_find_too_little_tell_once() -> None:
    account = account_with(now=BOUGHT, spare=5)
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)

    together(sweep, [(END,)] * 6)

    assert Notice.objects.filter(kind="auto_renewal_failed").count() == 1
    account.refresh_from_db()
    assert account.balance == 5


def buy_or_renew(barrier: object, renews: bool, now: datetime) -> None:
    account = Account.objects.get()
    barrier.wait()  # type: ignore[attr-defined]
    for _ in range(20):
        try:
            _once(account, renews, now)
        except QuoteMoved:
            continue
        except InsufficientBalance:
            return
        return


def _once(account: Account, renews: bool, now: datetime) -> None:
    if renews:
        basket = RenewalBasket(1)
        quoted = renewing.quote(account=account, basket=basket, now=now)
        renewing.renew(
            account=account,
            basket=basket,
            state=quoted.state,
            total=quoted.total,
            key=uuid4(),
            by=None,
            now=now,
        )
        return
    pack = Basket(quantity=300)
    priced = purchasing.quote(account=account, basket=pack, now=now)
    purchasing.buy(
        account=account,
        basket=pack,
        state=priced.state,
        total=priced.total,
        key=uuid4(),
        by=None,
        now=now,
    )


def test_purchases_and_renewals_together_never_overdraw() -> None:
    account = account_with(now=BOUGHT, spare=0)
    top_up(account, 150, BOUGHT)
    now = END - timedelta(days=20)

    together(buy_or_renew, [(number % 2 == 0, now) for number in range(8)])

    account.refresh_from_db()
    paid = sum(order.total for order in Order.objects.exclude(number=1))
    assert account.balance == 150 - paid >= 0
    assert 1 < Order.objects.count() < 9
    assert books_are_proved()


def lapse(barrier: object, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    windows.lapse_ended(now=now)


def test_a_renewal_of_the_last_instant_beside_the_lapse_is_whole_or_nothing() -> None:
    account = account_with(now=BOUGHT, spare=200)
    buy_or_renew(_Ready(), renews=False, now=END - timedelta(days=5))
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)
    late = END + GRACE + timedelta(seconds=1)

    together(either, [("renew", late), ("lapse", late)] * 2)

    renewed = Term.objects.count() == 2
    subscription = Subscription.objects.get()
    assert (subscription.ends_at > END) is renewed
    assert books_are_proved()


def either(barrier: object, what: str, now: datetime) -> None:
    {"renew": sweep, "lapse": lapse}[what](barrier, now)


class _Ready:
    def wait(self) -> None:
        """Go at once."""


def terminate(barrier: object, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    terminating.terminate_due(now=now)


def test_workers_terminate_once() -> None:
    account = account_with(now=BOUGHT)
    ImageFactory.create_batch(20, account=account)

    together(terminate, [(END + timedelta(days=6),)] * 4)

    assert Notice.objects.filter(kind="terminated").count() == 2
    assert Subscription.objects.get().data_deleted_at
    assert not account.image_set.exists()
    assert books_are_proved()
