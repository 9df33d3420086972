"""Renewal is paid once, as it was quoted, or not at all."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django.asserts import assertContains

from accounts.errors import InsufficientBalance, KeyReused
from accounts.models import Account
from quota.errors import QuoteMoved
from quota.models import Order, QuotaPack, QuotaWindow, Tariff, Term
from quota.quotes import Basket, RenewalBasket, RenewalQuote
from quota.services import renewing
from tests.addresses import url
from tests.factories import account_with, buy, renew, top_up
from tests.quota.dialogs import hidden
from tests.quota.renewals import BOUGHT, END, books_are_proved, nothing_changes

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return account_with(now=BOUGHT)


@pytest.fixture
def now() -> datetime:
    return END - timedelta(days=9)


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


def form(client: Client, account: Account, kept: str) -> dict[str, str]:
    """What the form sends that keeps the pack at so many scans a month."""
    asked = {f"pack_{QuotaPack.objects.get().pk}": kept}
    shown = client.get(url("subscription", account), asked)
    return asked | {name: hidden(shown, name) for name in ("key", "state", "total")}


def nothing(account: Account, now: datetime) -> None:
    pass


def bought(account: Account, now: datetime) -> None:
    buy(account, Basket(quantity=600), now)


def frozen(account: Account, now: datetime) -> None:
    QuotaPack.objects.filter(account=account).update(frozen_at=now)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("kept", ["0", "300"])
@pytest.mark.parametrize("meanwhile", [nothing, bought, frozen])
def test_a_second_press_asks_for_what_the_first_one_did(
    signed_in: Client,
    account: Account,
    now: datetime,
    kept: str,
    meanwhile: Callable[[Account, datetime], None],
) -> None:
    data = form(signed_in, account, kept)

    first = signed_in.post(url("renew", account), data)
    meanwhile(account, now)
    second = signed_in.post(url("renew", account), data)

    assert (first.status_code, second.status_code) == (302, 302)
    assert first.headers["Location"] == second.headers["Location"]
    assert Term.objects.count() == 2


@pytest.mark.usefixtures("clock")
def test_a_tab_that_names_a_dropped_pack_is_shown_the_new_price(
    signed_in: Client, account: Account, now: datetime
) -> None:
    data = form(signed_in, account, "300")
    renew(account, now, kept={QuotaPack.objects.get().pk: 0})

    response = signed_in.post(url("renew", account), data)

    assertContains(response, "was renewed", status_code=409)
    assertContains(response, "Renew for $6.75", status_code=409)
    assert Term.objects.count() == 2


@pytest.mark.usefixtures("clock")
def test_a_pack_frozen_since_it_was_shown_is_not_left_out_unseen(
    signed_in: Client, account: Account, now: datetime
) -> None:
    data = form(signed_in, account, "300")
    frozen(account, now)

    response = signed_in.post(url("renew", account), data)

    assertContains(response, "can no longer be renewed", status_code=422)
    assertContains(response, "Renew for $6.75", status_code=422)
    assert Term.objects.count() == 1
