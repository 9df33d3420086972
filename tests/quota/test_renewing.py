"""Renewal: paid once, windows appended and grown, quantities only falling."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from accounts.errors import InsufficientBalance, Refusal
from accounts.models import Account, BalanceEntry, Notice
from quota.errors import InvalidQuantity, KeyReused, NotActive, QuoteMoved
from quota.models import (
    LedgerEntry,
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    Subscription,
    Tariff,
    Term,
)
from quota.pages.header import quota_header
from quota.quotes import Basket, RenewalBasket
from quota.rules.lifecycle import GRACE
from quota.services import purchasing, renewing, windows
from quota.services.reconciling import reconcile
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    finish,
    press,
    renew,
    top_up,
)

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)
BOUGHT = datetime(2026, 1, 31, 14, tzinfo=UTC)
END = datetime(2026, 3, 31, 14, tzinfo=UTC)


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


def pack() -> QuotaPack:
    return QuotaPack.objects.get()


def spans(of: QuotaPack) -> list[tuple[datetime, datetime]]:
    rows = QuotaWindow.objects.filter(pack=of).order_by("number")
    return [(window.starts_at, window.ends_at) for window in rows]


def books_are_proved() -> bool:
    return [proof.claim for proof in reconcile() if proof.broken] == []


def nothing_changes(act: Callable[[], object], refusal: type[Refusal]) -> str:
    def rows() -> list[object]:
        return [
            *Account.objects.values_list(),
            *Subscription.objects.values_list(),
            *QuotaPack.objects.values_list(),
            *QuotaWindow.objects.values_list(),
            Order.objects.count(),
            Term.objects.count(),
            LedgerEntry.objects.count(),
            Notice.objects.count(),
        ]

    before = rows()
    with pytest.raises(refusal) as refused, transaction.atomic():
        act()
    assert rows() == before
    return str(refused.value)


def test_a_renewal_appends_months_and_windows_and_says_so(account: Account) -> None:
    order = renew(account, END - timedelta(days=3), months=2)

    subscription = Subscription.objects.get()
    assert subscription.ends_at == datetime(2026, 5, 31, 14, tzinfo=UTC)
    assert [(t.number, t.months, t.starts_at) for t in Term.objects.order_by("pk")] == [
        (1, 2, BOUGHT),
        (2, 2, END),
    ]
    assert spans(pack())[2:] == [
        (END, datetime(2026, 4, 30, 14, tzinfo=UTC)),
        (datetime(2026, 4, 30, 14, tzinfo=UTC), subscription.ends_at),
    ]
    assert (order.kind, order.total) == ("renewal", Decimal("13.50") + 36)
    lines = OrderLine.objects.filter(order=order).order_by("position")
    assert [(line.kind, line.pack, line.amount) for line in lines] == [
        ("edition", None, Decimal("13.50")),
        ("pack", pack(), Decimal("36.00")),
    ]
    entry = BalanceEntry.objects.get(kind="renewal")
    assert (entry.amount, entry.reference) == (-order.total, f"order:{order.number}")
    granted = LedgerEntry.objects.filter(kind="grant").order_by("pk")
    assert [entry.tenths for entry in granted] == [3000] * 4
    notice = Notice.objects.get(kind="renewed")
    assert (notice.subject, notice.context["amount"]) == (
        f"order:{order.number}",
        "$49.50",
    )
    assert books_are_proved()


def test_a_short_last_window_keeps_what_was_left_in_it_and_grows(
    account: Account,
) -> None:
    mid = datetime(2026, 2, 10, 9, tzinfo=UTC)
    buy(account, Basket(quantity=600), mid)
    extra = QuotaPack.objects.get(quantity=600)
    before = END - timedelta(days=1)
    press(account, ImageFactory.create_batch(3, account=account), before)
    finish(account, before)
    entries = LedgerEntry.objects.count()

    order = renew(account, before, months=1)

    assert spans(extra) == [
        (mid, datetime(2026, 3, 10, 9, tzinfo=UTC)),
        (datetime(2026, 3, 10, 9, tzinfo=UTC), datetime(2026, 4, 10, 9, tzinfo=UTC)),
        (datetime(2026, 4, 10, 9, tzinfo=UTC), datetime(2026, 4, 30, 14, tzinfo=UTC)),
    ]
    assert LedgerEntry.objects.count() == entries + 2  # the two further grants
    assert order.total == Decimal("6.75") + 18 + 36
    header = quota_header(account, END)
    assert header
    assert header.total == "900"
    assert books_are_proved()


def test_a_dropped_pack_grows_ends_and_never_comes_back(account: Account) -> None:
    mid = datetime(2026, 2, 10, 9, tzinfo=UTC)
    buy(account, Basket(quantity=600), mid)
    extra = QuotaPack.objects.get(quantity=600)

    order = renew(account, END - MOMENT, months=1, kept={extra.pk: 0})

    extra.refresh_from_db()
    natural = datetime(2026, 4, 10, 9, tzinfo=UTC)
    assert spans(extra)[-1][1] == natural
    assert (extra.dropped_at, extra.quantity) == (END - MOMENT, 600)
    assert order.total == Decimal("6.75") + 18
    with pytest.raises(InvalidQuantity, match="no longer be renewed"):
        renew(account, END, months=1, kept={extra.pk: 600})
    renew(account, END, months=1)
    assert spans(extra)[-1][1] == natural
    assert windows.lapse_ended(now=natural) == 4  # two of each pack are over
    assert books_are_proved()


def test_the_last_window_of_a_dropped_pack_told_when_it_ends(account: Account) -> None:
    mid = datetime(2026, 2, 10, 9, tzinfo=UTC)
    buy(account, Basket(quantity=600), mid)
    extra = QuotaPack.objects.get(quantity=600)
    renew(account, END - MOMENT, months=1, kept={extra.pk: 0})
    natural = datetime(2026, 4, 10, 9, tzinfo=UTC)

    windows.lapse_ended(now=natural - MOMENT)
    assert not Notice.objects.filter(kind="pack_ends").exists()
    windows.lapse_ended(now=natural)
    windows.lapse_ended(now=natural)

    told = Notice.objects.get(kind="pack_ends")
    assert (told.subject, told.channel) == (f"pack:{extra.pk}", "email")
    assert told.context == {"quantity": "600", "ends": "Fri 10 Apr 2026, 09:00"}


def test_a_smaller_quantity_is_granted_charged_and_the_base_of_the_next(
    account: Account,
) -> None:
    buy(account, Basket(quantity=900), BOUGHT + timedelta(days=1))
    big = QuotaPack.objects.get(quantity=900)

    order = renew(account, END, months=1, kept={big.pk: 300})

    big.refresh_from_db()
    assert big.quantity == 300
    assert order.total == Decimal("6.75") + 18 + 18
    assert list(big.windows.order_by("number").values_list("granted_tenths")) == [
        (9000,),
        (9000,),
        (3000,),
    ]
    with pytest.raises(InvalidQuantity, match="at most 300"):
        renew(account, END, months=1, kept={big.pk: 600})
    assert books_are_proved()


@pytest.mark.parametrize("kept", [-300, 299, 301, 600, 10**9])
def test_a_quantity_that_is_not_sold_changes_nothing(
    account: Account, kept: int
) -> None:
    nothing_changes(
        lambda: renew(account, END, months=1, kept={pack().pk: kept}), InvalidQuantity
    )


@pytest.mark.parametrize("months", [-1, 0, 37, 10**6])
def test_months_that_are_not_sold_change_nothing(account: Account, months: int) -> None:
    nothing_changes(lambda: renew(account, END, months=months), InvalidQuantity)


def test_a_pack_of_another_account_cannot_be_named(account: Account) -> None:
    other = account_with(now=BOUGHT, slug="other")
    foreign = QuotaPack.objects.get(account=other)

    nothing_changes(
        lambda: renew(account, END, months=1, kept={foreign.pk: 300}), InvalidQuantity
    )


def test_in_grace_a_renewal_starts_at_the_old_end_and_restores(
    account: Account,
) -> None:
    late = END + timedelta(days=3)
    with pytest.raises(NotActive):
        purchasing.quote(account=account, basket=Basket(quantity=300), now=late)
    assert quota_header(account, late) is None

    renew(account, late, months=1)

    subscription = Subscription.objects.get()
    assert subscription.ends_at == datetime(2026, 4, 30, 14, tzinfo=UTC)
    assert Term.objects.get(number=2).starts_at == END
    header = quota_header(account, late)
    assert header
    assert header.left == "300"
    press(account, [ImageFactory.create(account=account)], late)
    assert books_are_proved()


def test_a_natural_end_that_passed_in_grace_has_lapsed(account: Account) -> None:
    bought = datetime(2026, 3, 2, 9, tzinfo=UTC)  # its month would end on 2 April
    buy(account, Basket(quantity=600), bought)
    extra = QuotaPack.objects.get(quantity=600)
    windows.lapse_ended(now=END + timedelta(days=1))
    cut = extra.windows.get()
    assert (cut.ends_at, cut.lapsed_at, cut.free_tenths) == (END, None, 6000)
    late = END + timedelta(days=4)

    renew(account, late, months=1)
    windows.lapse_ended(now=late)

    cut.refresh_from_db()
    assert (cut.ends_at, cut.lapsed_at) == (datetime(2026, 4, 2, 9, tzinfo=UTC), late)
    assert (cut.lapsed_tenths, cut.free_tenths) == (6000, 0)
    header = quota_header(account, late)
    assert header
    assert header.left == "900"
    assert books_are_proved()


def test_a_cut_window_is_neither_open_nor_lapsed_and_lapses_once_after_grace(
    account: Account,
) -> None:
    buy(account, Basket(quantity=600), datetime(2026, 3, 2, 9, tzinfo=UTC))
    cut = QuotaPack.objects.get(quantity=600).windows.get()

    windows.lapse_ended(now=END + GRACE)
    cut.refresh_from_db()
    assert (cut.lapsed_at, cut.free_tenths) == (None, 6000)
    assert windows.lapse_ended(now=END + GRACE + MOMENT) == 1
    assert windows.lapse_ended(now=END + GRACE + MOMENT) == 0

    cut.refresh_from_db()
    assert (cut.lapsed_tenths, cut.free_tenths) == (6000, 0)
    assert books_are_proved()


def test_a_window_that_ends_by_itself_at_the_end_lapses_there(account: Account) -> None:
    assert windows.lapse_ended(now=END - MOMENT) == 1
    assert windows.lapse_ended(now=END) == 1
    renew(account, END + timedelta(days=1), months=1)

    assert books_are_proved()


def test_at_the_last_instant_of_grace_it_is_allowed(account: Account) -> None:
    renew(account, END + GRACE, months=1)

    assert Term.objects.count() == 2


def test_one_microsecond_later_it_is_refused(account: Account) -> None:
    words = nothing_changes(
        lambda: renew(account, END + GRACE, months=1, at=END + GRACE + MOMENT),
        NotActive,
    )

    assert "closed" in words


def test_a_worker_that_lapsed_a_cut_window_has_closed_the_renewal(
    account: Account,
) -> None:
    """A press of the last instant that waited for the lock until grace was over."""
    buy(account, Basket(quantity=600), datetime(2026, 3, 2, 9, tzinfo=UTC))
    windows.lapse_ended(now=END + GRACE + MOMENT)

    nothing_changes(lambda: renew(account, END + GRACE, months=1), NotActive)


def pressed(account: Account, key: UUID, months: int = 1) -> Order:
    quoted = renewing.quote(
        account=account, basket=RenewalBasket(months), now=END - timedelta(days=9)
    )
    return renewing.renew(
        account=account,
        basket=RenewalBasket(months),
        state=quoted.state,
        total=quoted.total,
        key=key,
        by=None,
        now=END - timedelta(days=9),
    )


def test_the_same_key_returns_the_first_order(account: Account) -> None:
    key = uuid4()

    first = pressed(account, key)
    second = pressed(account, key)

    assert first == second
    assert Term.objects.count() == 2


def test_the_same_key_with_other_input_is_refused(account: Account) -> None:
    key = uuid4()
    pressed(account, key)

    nothing_changes(lambda: pressed(account, key, months=2), KeyReused)


def test_two_tabs_renew_once(account: Account) -> None:
    seen = renewing.quote(account=account, basket=RenewalBasket(1), now=END)
    renew(account, END, months=1)

    words = nothing_changes(
        lambda: renewing.renew(
            account=account,
            basket=RenewalBasket(1),
            state=seen.state,
            total=seen.total,
            key=uuid4(),
            by=None,
            now=END,
        ),
        QuoteMoved,
    )

    assert "was renewed" in words


def test_a_new_tariff_moves_the_quote(account: Account) -> None:
    seen = renewing.quote(account=account, basket=RenewalBasket(1), now=END)
    Tariff.objects.create(
        currency="USD",
        valid_from=END,
        edition_price=Decimal("7.00"),
        quota_price=Decimal("0.05"),
    )

    nothing_changes(
        lambda: renewing.renew(
            account=account,
            basket=RenewalBasket(1),
            state=seen.state,
            total=seen.total,
            key=uuid4(),
            by=None,
            now=END,
        ),
        QuoteMoved,
    )
    order = renew(account, END, months=1)

    assert order.total == Decimal("7.00") + 15
    newest = QuotaWindow.objects.latest("number")
    assert newest.tariff == Tariff.objects.latest("pk")
    assert books_are_proved()


@pytest.mark.parametrize(("over", "paid"), [(-1, False), (0, True), (1, True)])
def test_a_balance_one_cent_short_exactly_equal_and_over(
    over: int, *, paid: bool
) -> None:
    account = account_with(now=BOUGHT, spare=0)
    top_up(account, Decimal("24.75") + Decimal(over) / 100, BOUGHT)

    if not paid:
        words = nothing_changes(
            lambda: renew(account, END, months=1), InsufficientBalance
        )
        assert "Top up $0.01 first" in words
        return
    renew(account, END, months=1)

    account.refresh_from_db()
    assert account.balance == Decimal(over) / 100


def test_growth_that_reaches_the_new_end_goes_on_with_the_next_renewal() -> None:
    bought = datetime(2026, 1, 28, 14, tzinfo=UTC)
    account = account_with(now=bought, months=1, quantity=0)
    buy(account, Basket(quantity=300), datetime(2026, 1, 31, 10, tzinfo=UTC))

    first = renew(account, bought + timedelta(days=20), months=1)
    assert spans(pack())[-1] == (
        datetime(2026, 2, 28, 10, tzinfo=UTC),
        datetime(2026, 3, 28, 14, tzinfo=UTC),
    )
    assert first.total == Decimal("6.75")
    renew(account, bought + timedelta(days=40), months=1)

    assert spans(pack())[1:] == [
        (datetime(2026, 2, 28, 10, tzinfo=UTC), datetime(2026, 3, 31, 10, tzinfo=UTC)),
        (datetime(2026, 3, 31, 10, tzinfo=UTC), datetime(2026, 4, 28, 14, tzinfo=UTC)),
    ]
    assert books_are_proved()


def test_a_leap_day_and_a_change_of_clocks_keep_the_clock_time() -> None:
    bought = datetime(2024, 1, 31, 1, 30, tzinfo=UTC)  # 02:30 in Berlin
    account = account_with(now=bought, months=1, zone="Europe/Berlin")

    renew(account, bought + timedelta(days=2), months=2)

    assert spans(pack()) == [
        (bought, datetime(2024, 2, 29, 1, 30, tzinfo=UTC)),
        # 02:30 does not exist on 31 March 2024: 03:30 summer time
        (
            datetime(2024, 2, 29, 1, 30, tzinfo=UTC),
            datetime(2024, 3, 31, 1, 30, tzinfo=UTC),
        ),
        (
            datetime(2024, 3, 31, 1, 30, tzinfo=UTC),
            datetime(2024, 4, 30, 0, 30, tzinfo=UTC),
        ),
    ]


def test_a_refunded_pack_is_not_renewed(account: Account) -> None:
    QuotaPack.objects.update(closed_at=BOUGHT)

    assert renew(account, END, months=1).total == Decimal("6.75")


def test_nothing_is_renewed_that_was_never_bought() -> None:
    account = account_with(now=BOUGHT)
    Subscription.objects.update(ends_at=BOUGHT + timedelta(days=1))

    with pytest.raises(NotActive, match="Buy it first"):
        renew(account, BOUGHT + timedelta(days=7), months=1)


def test_a_pack_never_grows_and_never_comes_back(account: Account) -> None:
    rows = QuotaPack.objects.filter(account=account)
    with (
        pytest.raises(IntegrityError, match="a pack never grows"),
        transaction.atomic(),
    ):
        rows.update(quantity=600)
    rows.update(dropped_at=END)

    with pytest.raises(IntegrityError, match="never comes back"), transaction.atomic():
        rows.update(dropped_at=None)


def test_nothing_is_terminated_before_its_time_or_renewed_after(
    account: Account,
) -> None:
    rows = Subscription.objects.filter(account=account)
    deletion = END + timedelta(days=6)
    with (
        pytest.raises(IntegrityError, match="subscription_never_terminated_early"),
        transaction.atomic(),
    ):
        rows.update(terminated_at=deletion - MOMENT)
    with (
        pytest.raises(IntegrityError, match="never_deleted_before_termination"),
        transaction.atomic(),
    ):
        rows.update(data_deleted_at=deletion)
    rows.update(terminated_at=deletion)

    with (
        pytest.raises(IntegrityError, match="subscription_never_terminated_early"),
        transaction.atomic(),
    ):
        rows.update(ends_at=END + MOMENT)
