"""Renewal is paid once, as it was quoted, or not at all."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from accounts.errors import InsufficientBalance
from accounts.models import Account
from quota.errors import KeyReused, QuoteMoved
from quota.models import Order, QuotaWindow, Tariff, Term
from quota.quotes import Basket, RenewalBasket, RenewalQuote
from quota.services import renewing
from tests.factories import account_with, buy, renew, top_up
from tests.quota.renewals import BOUGHT, END, books_are_proved, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


def as_seen(
    account: Account, seen: RenewalQuote, now: datetime, key: UUID | None = None
) -> Order:
    """Renew on the terms of a quote."""
    return renewing.renew(
        account=account,
        basket=seen.basket,
        state=seen.state,
        total=seen.total,
        key=key or uuid4(),
        by=None,
        now=now,
    )


def pressed(account: Account, key: UUID, months: int = 1) -> Order:
    now = END - timedelta(days=9)
    seen = renewing.quote(account=account, basket=RenewalBasket(months), now=now)
    return as_seen(account, seen, now, key)


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

    words = nothing_changes(lambda: as_seen(account, seen, END), QuoteMoved)

    assert "was renewed" in words


def test_a_pack_bought_meanwhile_moves_the_quote(account: Account) -> None:
    before = END - timedelta(days=9)
    seen = renewing.quote(account=account, basket=RenewalBasket(1), now=before)
    buy(account, Basket(quantity=300), before)

    words = nothing_changes(lambda: as_seen(account, seen, before), QuoteMoved)

    assert "price changed" in words


def test_a_new_tariff_moves_the_quote(account: Account) -> None:
    seen = renewing.quote(account=account, basket=RenewalBasket(1), now=END)
    Tariff.objects.create(
        currency="USD",
        valid_from=END,
        edition_price=Decimal("7.00"),
        quota_price=Decimal("0.05"),
    )

    nothing_changes(lambda: as_seen(account, seen, END), QuoteMoved)
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
