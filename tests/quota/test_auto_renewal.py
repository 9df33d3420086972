"""Auto-renewal: when it tries, all or nothing, once per term."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Account, BalanceEntry, Notice
from accounts.services import balance
from quota.errors import NotActive
from quota.models import AutoRenewSwitch, Order, Subscription, Tariff, Term
from quota.quotes import Basket
from quota.rules.auto_renewal import LATE
from quota.rules.lifecycle import DELETION, GRACE
from quota.services import auto_renewal, windows
from quota.services.reconciling import reconcile
from quota.services.renewal_ground import stand
from tests.factories import account_with, buy, creator_of, member_of, renew, top_up

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
BOUGHT = datetime(2026, 1, 15, 6, tzinfo=UTC)  # 14:00 in Singapore
END = datetime(2026, 3, 15, 6, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 14, 16, tzinfo=UTC)  # of 15 March there
PRICE = Decimal("6.75") + 18


def opened(spare: Decimal | int) -> Account:
    return account_with(now=BOUGHT, zone="Asia/Singapore", spare=spare)


def switched_on(spare: Decimal | int, now: datetime = BOUGHT) -> Account:
    account = opened(spare)
    auto_renewal.switch(account=account, on=True, by=None, now=now)
    return account


def failures() -> list[str]:
    notices = Notice.objects.filter(kind="auto_renewal_failed").order_by("pk")
    return [notice.subject.rpartition(":")[2] for notice in notices]


def books_are_proved() -> bool:
    return [proof.claim for proof in reconcile() if proof.broken] == []


def test_it_is_off_at_first_and_then_nothing_is_tried() -> None:
    account = opened(100)

    assert auto_renewal.sweep(now=END) == 0
    assert auto_renewal.attempt_due(account_id=account.pk, now=END) is None
    assert Term.objects.count() == 1


def test_it_renews_one_month_at_midnight_of_the_expiry_date_once() -> None:
    switched_on(100)

    assert auto_renewal.sweep(now=MIDNIGHT - MOMENT) == 0
    assert auto_renewal.sweep(now=MIDNIGHT) == 1
    assert auto_renewal.sweep(now=MIDNIGHT) == 0
    assert auto_renewal.sweep(now=END) == 0

    order = Order.objects.get(kind="renewal")
    assert (order.total, order.by) == (PRICE, None)
    assert Subscription.objects.get().ends_at == datetime(2026, 4, 15, 6, tzinfo=UTC)
    assert BalanceEntry.objects.filter(kind="renewal").count() == 1
    assert failures() == []
    assert books_are_proved()


def test_it_renews_the_next_term_too() -> None:
    switched_on(100)
    auto_renewal.sweep(now=MIDNIGHT)

    assert auto_renewal.sweep(now=datetime(2026, 4, 14, 16, tzinfo=UTC)) == 1

    assert list(Term.objects.order_by("number").values_list("number", "months")) == [
        (1, 2),
        (2, 1),
        (3, 1),
    ]


@pytest.mark.parametrize(("over", "renewed"), [(-1, 0), (0, 1), (1, 1)])
def test_a_balance_one_cent_short_exactly_equal_and_over(
    over: int, renewed: int
) -> None:
    account = switched_on(PRICE + Decimal(over) / 100)

    assert auto_renewal.sweep(now=MIDNIGHT) == renewed

    account.refresh_from_db()
    assert account.balance == Decimal(over) / 100 + (0 if renewed else PRICE)


def test_without_money_it_tries_hourly_and_tells_once_a_day() -> None:
    account = switched_on(5)
    member_of(account, financial=True)
    member_of(account, resource=True)
    tried = []
    for minutes in range(0, 6 * 24 * 60 + 1, 30):
        now = MIDNIGHT + timedelta(minutes=minutes)
        auto_renewal.sweep(now=now)
        auto_renewal.sweep(now=now)
        if Subscription.objects.get().auto_renew_tried_at == now:
            tried.append(now)

    hourly = [MIDNIGHT + n * HOUR for n in range(14)]
    assert tried == [*hourly, *[END + n * 24 * HOUR for n in range(6)]]
    days = [f"2026-03-{day}" for day in range(15, 21)]
    assert failures() == sorted(days * 2)  # the creator and financial, by email
    first = Notice.objects.filter(kind="auto_renewal_failed").earliest("pk")
    assert first.context == {
        "balance": "$5.00",
        "needed": "$24.75",
        "ends": "Sun 15 Mar 2026, 14:00",
        "next_try": "Sun 15 Mar 2026, 01:00",
    }
    assert Notice.objects.latest("pk").context["next_try"] == ""
    account.refresh_from_db()
    assert account.balance == 5
    assert (Term.objects.count(), Order.objects.count()) == (1, 1)


def test_all_or_nothing_when_it_covers_the_edition_alone() -> None:
    account = switched_on(Decimal("24.74"))

    auto_renewal.sweep(now=MIDNIGHT)

    account.refresh_from_db()
    assert account.balance == Decimal("24.74")
    assert Term.objects.count() == 1


def test_a_top_up_while_suspended_renews_at_the_next_look() -> None:
    account = switched_on(5)
    auto_renewal.sweep(now=END + HOUR)
    assert Term.objects.count() == 1
    at = END + timedelta(days=1, hours=3)
    top_up(account, 20, at)

    assert auto_renewal.sweep(now=at + timedelta(seconds=15)) == 1
    assert auto_renewal.sweep(now=at + timedelta(seconds=30)) == 0

    assert Subscription.objects.get().ends_at == datetime(2026, 4, 15, 6, tzinfo=UTC)


def test_a_top_up_that_waited_for_a_failing_try_renews_at_the_next_look() -> None:
    account = switched_on(5)
    pressed = END + 24 * HOUR
    auto_renewal.sweep(now=pressed + MOMENT)
    top_up(account, 20, pressed)

    assert auto_renewal.sweep(now=pressed + 2 * MOMENT) == 1
    assert Subscription.objects.get().ends_at == datetime(2026, 4, 15, 6, tzinfo=UTC)


def test_a_top_up_that_is_not_enough_tries_once() -> None:
    account = switched_on(5)
    auto_renewal.sweep(now=END + HOUR)
    at = END + 2 * HOUR
    top_up(account, 1, at)

    auto_renewal.sweep(now=at - MOMENT)
    assert Subscription.objects.get().auto_renew_tried_at == END + HOUR
    auto_renewal.sweep(now=at + MOMENT)

    assert Subscription.objects.get().auto_renew_tried_at == at + MOMENT
    balance.adjust(
        account=account, amount=Decimal(-1), reference="adjust:1", reason="Twice.",
        by=None, now=at + HOUR,
    )  # fmt: skip
    auto_renewal.sweep(now=at + HOUR)
    assert Subscription.objects.get().auto_renew_tried_at == at + MOMENT


def test_switched_on_while_suspended_it_tries_at_once() -> None:
    account = opened(100)

    switched = auto_renewal.switch(account=account, on=True, by=None, now=END + HOUR)

    assert switched.order
    assert switched.order.total == PRICE
    assert auto_renewal.sweep(now=END + HOUR) == 0


def test_switched_on_twice_while_suspended_it_tries_once() -> None:
    account = opened(5)
    auto_renewal.switch(account=account, on=True, by=None, now=END + HOUR)
    Account.objects.update(balance=100)

    for on in (True, False):
        again = auto_renewal.switch(account=account, on=on, by=None, now=END + HOUR)
        assert (again.is_on, again.order) == (on, None)

    assert Term.objects.count() == 1
    switches = AutoRenewSwitch.objects.order_by("pk").values_list("is_on", flat=True)
    assert list(switches) == [True, False]


def test_switched_on_between_attempts_it_waits_for_the_next() -> None:
    account = opened(100)
    auto_renewal.switch(account=account, on=True, by=None, now=MIDNIGHT + HOUR / 2)

    assert auto_renewal.sweep(now=MIDNIGHT + HOUR - MOMENT) == 0
    assert auto_renewal.sweep(now=MIDNIGHT + HOUR) == 1


def test_switched_off_it_stops() -> None:
    account = switched_on(100)
    by = creator_of(account)
    auto_renewal.switch(account=account, on=False, by=by, now=MIDNIGHT - HOUR)

    assert auto_renewal.sweep(now=END) == 0
    assert AutoRenewSwitch.objects.latest("pk").by == by


def test_at_the_last_instant_it_still_renews() -> None:
    account = switched_on(5)
    auto_renewal.sweep(now=END + 4 * 24 * HOUR)
    last = END + GRACE
    top_up(account, 100, END - HOUR)

    assert auto_renewal.sweep(now=last + timedelta(seconds=9)) == 1

    assert Order.objects.get(kind="renewal").created_at == last


def test_after_the_last_instant_it_is_too_late() -> None:
    switched_on(100)

    assert auto_renewal.sweep(now=END + GRACE + LATE + MOMENT) == 0
    assert Term.objects.count() == 1


def test_after_the_last_instant_a_lapsed_window_has_closed_it() -> None:
    account = switched_on(100)
    buy(account, Basket(quantity=300), END - timedelta(days=5))
    late = END + GRACE + timedelta(seconds=9)
    windows.lapse_ended(now=late)

    assert auto_renewal.sweep(now=late) == 0
    account.refresh_from_db()
    assert account.balance == 82


def test_a_manual_renewal_comes_first() -> None:
    account = switched_on(100)
    renew(account, MIDNIGHT - HOUR, months=1)

    assert auto_renewal.sweep(now=MIDNIGHT) == 0
    assert Term.objects.count() == 2


def test_there_is_nothing_to_switch_when_renewal_has_closed() -> None:
    account = opened(100)

    with pytest.raises(NotActive):
        auto_renewal.switch(account=account, on=True, by=None, now=END + GRACE + MOMENT)
    with pytest.raises(NotActive):
        auto_renewal.switch(account=account, on=True, by=None, now=END + DELETION)


def test_the_outlook_names_price_next_attempt_and_what_is_missing() -> None:
    account = opened(5)

    found = auto_renewal.outlook(account=account, now=BOUGHT)

    assert found
    assert (found.next_at, found.price) == (MIDNIGHT, PRICE)
    assert (found.missing, found.is_covered) == (PRICE - 5, False)
    account.balance, account.debt = Decimal(0), Decimal(3)
    owing = auto_renewal.outlook(account=account, now=BOUGHT)
    assert owing
    assert owing.missing == PRICE + 3
    last = auto_renewal.outlook(account=account, now=END + GRACE)
    assert last
    assert last.next_at is None
    assert auto_renewal.outlook(account=account, now=END + GRACE + MOMENT) is None


def test_the_outlook_is_at_the_tariff_of_that_day() -> None:
    account = opened(5)
    Tariff.objects.create(
        currency="USD",
        valid_from=MIDNIGHT,
        edition_price=Decimal("7.00"),
        quota_price=Decimal("0.06"),
    )

    found = auto_renewal.outlook(account=account, now=BOUGHT)

    assert found
    assert found.price == Decimal("25.00")
    ground = stand(account, BOUGHT)
    assert auto_renewal.outlook(account=account, now=BOUGHT, ground=ground) == found
