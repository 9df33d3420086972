"""Renewal: windows appended and grown, quantities only falling."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account, BalanceEntry, Notice
from quota.errors import InvalidQuantity, NotActive
from quota.models import (
    LedgerEntry,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    Subscription,
    Term,
)
from quota.pages.header import quota_header
from quota.quotes import Basket, RenewalBasket
from quota.rules.lifecycle import GRACE
from quota.services import renewal_ground, renewing, windows
from tests.factories import ImageFactory, account_with, buy, finish, press, renew
from tests.quota.renewals import BOUGHT, END, MOMENT, books_are_proved, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


def pack() -> QuotaPack:
    return QuotaPack.objects.get()


def spans(of: QuotaPack) -> list[tuple[datetime, datetime]]:
    rows = QuotaWindow.objects.filter(pack=of).order_by("number")
    return [(window.starts_at, window.ends_at) for window in rows]


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
    edition, appended = (
        {"at": line.position, "kind": line.kind, "pack": line.pack}
        | {"quantity": line.quantity, "price": line.unit_price}
        | {"periods": line.periods, "amount": line.amount}
        | {"span": (line.starts_at, line.ends_at), "formula": line.formula}
        for line in lines
    )
    assert edition == {
        "at": 1, "kind": "edition", "pack": None,
        "quantity": 1, "price": Decimal("6.75"), "periods": 2,
        "amount": Decimal("13.50"), "span": (END, subscription.ends_at),
        "formula": "1 × $6.75 × 2 months = $13.50",
    }  # fmt: skip
    assert appended == {
        "at": 2, "kind": "pack", "pack": pack(),
        "quantity": 300, "price": Decimal("0.06"), "periods": 2,
        "amount": Decimal("36.00"), "span": (END, subscription.ends_at),
        "formula": "300 × $0.06 × 2 months = $36.00",
    }  # fmt: skip
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
    assert QuotaPack.objects.get(quantity=300).dropped_at is None
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


def test_a_dropped_pack_that_still_grows_is_not_dropped_again_nor_told_to_end() -> None:
    bought = datetime(2026, 1, 28, 14, tzinfo=UTC)
    account = account_with(now=bought, months=1, quantity=0)
    buy(account, Basket(quantity=300), datetime(2026, 1, 31, 10, tzinfo=UTC))
    dropped = bought + timedelta(days=20)
    renew(account, dropped, months=1, kept={pack().pk: 0})
    grown = Subscription.objects.get().ends_at

    windows.lapse_ended(now=grown + GRACE + MOMENT)
    assert not Notice.objects.filter(kind="pack_ends").exists()
    quoted = renewing.quote(account=account, basket=RenewalBasket(1), now=dropped)

    assert spans(pack())[-1][1] == grown
    assert (quoted.packs, quoted.left_out) == ([], [])
    assert [offer.pack for offer in quoted.growing] == [pack()]


def test_only_lengths_within_sixty_months_are_offered() -> None:
    account = account_with(now=BOUGHT, months=36)

    offered = renewing.choices(renewal_ground.stand(account, BOUGHT), {})

    assert [quoted.basket.months for quoted in offered] == [1, 3, 6, 12, 24]


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
