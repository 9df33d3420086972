"""A pack whose refund is asked for is left out of renewals, and can come back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains
from time_machine import travel

from accounts.models import Account, Notice
from quota.errors import InvalidQuantity, NothingToRefund
from quota.models import Order, OrderLine, QuotaPack, QuotaWindow
from quota.quotes import Basket
from quota.services import auto_renewal, deciding, refunding, windows
from tests.factories import account_with, buy, creator_of, renew
from tests.quota.refunds import approve, ask, books_hold, pack_line, staff

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
BOUGHT = datetime(2026, 1, 15, 14, tzinfo=UTC)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)
MIDNIGHT = END - timedelta(hours=14)
LATER = datetime(2026, 3, 1, 14, tzinfo=UTC)  # its month is cut and grows to 1 April
EDITION, PACK = Decimal("6.75"), Decimal("18.00")


@pytest.fixture
def account() -> Account:
    """Two packs: one whose months end with the term, one whose last month is cut."""
    account = account_with(now=BOUGHT, quantity=0)
    buy(account, Basket(quantity=300), LATER)
    auto_renewal.switch(account=account, on=True, by=None, now=LATER)
    return account


def renewed(at: datetime) -> Order:
    assert auto_renewal.sweep(now=at) == 1
    return Order.objects.filter(kind="renewal").latest("pk")


def ends() -> datetime:
    return QuotaWindow.objects.latest("number").ends_at


def test_auto_renewal_charges_the_edition_alone_and_a_cut_month_still_grows(
    account: Account,
) -> None:
    ask(account, LATER)

    order = renewed(MIDNIGHT)

    pack = QuotaPack.objects.get()
    assert (order.total, pack.dropped_at, pack.left_out_at) == (EDITION, None, MIDNIGHT)
    assert ends() == datetime(2026, 4, 1, 14, tzinfo=UTC)
    assert books_hold()


def test_a_pack_whose_refund_nobody_asks_for_is_renewed(account: Account) -> None:
    buy(account, Basket(quantity=300), LATER + DAY)
    ask(account, LATER + DAY)

    order = renewed(MIDNIGHT)

    (line,) = order.lines.filter(kind="pack")
    assert line.pack == QuotaPack.objects.earliest("pk")


def test_withdrawn_in_time_it_is_renewed_like_any_other(account: Account) -> None:
    refund = ask(account, LATER)
    refunding.withdraw(refund=refund, by=creator_of(account), now=LATER)

    assert renewed(MIDNIGHT).total == EDITION + PACK


def test_rejected_the_next_renewal_takes_it_up_where_its_months_end(
    account: Account,
) -> None:
    refund = ask(account, LATER)
    renewed(MIDNIGHT)
    deciding.reject(refund=refund, answer="No.", staff=staff(), now=END + DAY)

    order = renew(account, END + DAY, months=1)

    assert order.total == EDITION + 2 * PACK  # 1 April and 1 May, the latter cut
    line = order.lines.get(kind="pack")
    assert line.starts_at == datetime(2026, 4, 1, 14, tzinfo=UTC)
    assert (line.ends_at, ends()) == (datetime(2026, 5, 15, 14, tzinfo=UTC),) * 2
    assert QuotaPack.objects.get().left_out_at is None
    assert books_hold()


def test_dropped_after_it_was_left_out_it_is_only_dropped(account: Account) -> None:
    refund = ask(account, LATER)
    renewed(MIDNIGHT)
    deciding.reject(refund=refund, answer="No.", staff=staff(), now=END)

    renew(account, END, kept={QuotaPack.objects.get().pk: 0})

    pack = QuotaPack.objects.get()
    assert (pack.dropped_at, pack.left_out_at) == (END, None)


def test_withdrawn_after_its_last_month_it_has_ended_and_that_is_told(
    account: Account,
) -> None:
    refund = ask(account, LATER)
    renewed(MIDNIGHT)
    over = ends()
    windows.lapse_ended(now=over)
    refunding.withdraw(refund=refund, by=creator_of(account), now=over)

    with pytest.raises(InvalidQuantity, match="can no longer be renewed"):
        renew(account, over, kept={QuotaPack.objects.get().pk: 300})
    assert renewed(datetime(2026, 4, 15, tzinfo=UTC)).total == EDITION
    assert ends() == over
    told = Notice.objects.get(kind="pack_ends")
    assert told.context == {"quantity": "300", "ends": "Wed 1 Apr 2026, 14:00"}
    assert books_hold()

    buy(account, Basket(quantity=300), over)
    with pytest.raises(NothingToRefund, match="ended"):
        ask(account, over, OrderLine.objects.filter(kind="pack").earliest("pk"))


def test_in_grace_a_pack_that_ended_with_the_term_ends_when_it_is_left_out() -> None:
    account = account_with(now=BOUGHT)
    auto_renewal.switch(account=account, on=True, by=None, now=BOUGHT)
    refund = ask(account, END - DAY)
    Account.objects.update(balance=0)
    auto_renewal.sweep(now=END)
    Account.objects.update(balance=100)

    renewed(END + DAY)
    refunding.withdraw(refund=refund, by=creator_of(account), now=END + DAY)

    assert renew(account, END + DAY).total == EDITION


def test_a_frozen_pack_is_left_out_of_any_renewal_and_not_dropped(
    account: Account, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    refund = approve(ask(account, LATER), LATER)

    assert renew(account, LATER).total == EDITION
    deciding.reject(refund=refund, answer="No.", staff=staff(), now=LATER)

    assert QuotaPack.objects.get().dropped_at is None
    assert renew(account, LATER).total == EDITION + 2 * PACK
    assert books_hold()


def test_a_refunded_pack_is_not_told_to_end(account: Account) -> None:
    refund = ask(account, LATER)
    renewed(MIDNIGHT)
    approve(refund, END)

    windows.lapse_ended(now=ends())

    assert not Notice.objects.filter(kind="pack_ends").exists()
    assert books_hold()


def page(account: Account, name: str, at: datetime, *more: object) -> Any:
    client = Client()
    with travel(at, tick=False):
        client.force_login(creator_of(account))
        return client.get(reverse(name, args=[account.slug, *more]))


def test_the_customer_reads_it_before_asking_and_in_every_place_after(
    account: Account,
) -> None:
    order = pack_line(account).order.number
    before = page(account, "quota:refund-order", LATER, order)
    assertContains(
        before, "While the request is open, auto-renewal leaves this purchase out."
    )

    refund = ask(account, LATER)
    listed = page(account, "quota:subscription", LATER)
    assertContains(listed, "Refund asked for: auto-renewal leaves it out")
    assertContains(listed, "Without 300 scans a month, whose refund is asked for.")
    near = page(account, "quota:subscription", MIDNIGHT - DAY)
    assertContains(near, "every purchase of quota but those whose refund is asked for")

    renewed(MIDNIGHT)
    until = "Wed 1 Apr 2026, 14:00"
    told = Notice.objects.get(kind="renewed").context["left_out"]
    assert told == f"300 scans a month until {until}"

    deciding.reject(refund=refund, answer="No.", staff=staff(), now=END)
    decided = Notice.objects.get(kind="refund_decided").context["left_out"]
    assert str(decided).endswith(f"before its last month ends, {until}.")
    again = ask(account, END)
    deciding.reject(refund=again, answer="No.", staff=staff(), now=ends())
    decided = Notice.objects.filter(kind="refund_decided").latest("pk").context
    assert decided["left_out"].endswith(f"its last month ended {until}.")
    assertContains(
        page(account, "quota:refund", END, refund.pk),
        "The next renewal takes it up again",
    )
    assertContains(
        page(account, "quota:subscription", END),
        "Left out of the last renewal, the next one can take it up",
    )
