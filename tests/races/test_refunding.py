"""Refunds decided while others decide, scan and buy: one effect."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection

from accounts.errors import Refusal
from accounts.models import Account, BalanceEntry, User
from quota.models import (
    Image,
    LedgerEntry,
    Order,
    OrderLine,
    QuotaWindow,
    RefundRequest,
)
from quota.quotes import Basket
from quota.services import deciding, refunding
from quota.services.deciding import Decision, Staff
from quota.services.reconciling import reconcile
from quota.services.refunding import Asked
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    buy,
    creator_of,
    finish,
    press,
)

pytestmark = pytest.mark.django_db(transaction=True)
FULL = Decimal("36.00")


@pytest.fixture
def refund(now: datetime) -> RefundRequest:
    account = account_with(now=now)
    return refunding.request(
        account=account,
        line=OrderLine.objects.get(account=account, kind="pack"),
        asked=Asked(RefundRequest.Reason.MISTAKE),
        key=uuid4(),
        by=creator_of(account),
        now=now,
    )


def approve(refund: RefundRequest, by: User, now: datetime, holds: str = "") -> None:
    deciding.approve(
        refund=refund,
        decision=Decision(seen=FULL, amount=FULL, holds=holds),
        staff=Staff(by, None),
        now=now,
    )


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Let these happen at one instant, each in a thread of its own."""
    barrier = Barrier(len(acts))

    def act(what: Callable[[], object]) -> str:
        barrier.wait()
        try:
            what()
            return "done"
        except Refusal as refusal:
            return type(refusal).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(act, acts))


def books_are_proved() -> bool:
    return not [proof.claim for proof in reconcile() if proof.broken]


def test_two_staff_approving_at_once_pay_once(
    refund: RefundRequest, now: datetime
) -> None:
    staff = UserFactory.create_batch(8, is_staff=True)

    said = at_once(*[lambda by=by: approve(refund, by, now) for by in staff])

    assert said == ["RefundMoved"] * 7 + ["done"]
    assert BalanceEntry.objects.filter(kind="refund").count() == 1
    assert Order.objects.filter(kind="refund").count() == 1
    assert books_are_proved()


def test_approving_while_customers_press_scan_leaves_no_hold(
    refund: RefundRequest, now: datetime
) -> None:
    images: list[Image] = ImageFactory.create_batch(6, account=refund.account)
    by = UserFactory.create(is_staff=True)
    presses = [
        lambda image=image: press(refund.account, [image], now) for image in images
    ]

    at_once(lambda: approve(refund, by, now, holds="stop"), *presses)

    assert RefundRequest.objects.get().state == "approved"
    assert not QuotaWindow.objects.exclude(held_tenths=0).exists()
    assert not QuotaWindow.objects.exclude(free_tenths=0).exists()
    assert books_are_proved()


def test_approving_while_a_scan_ends_charges_it_or_releases_it(
    refund: RefundRequest, now: datetime
) -> None:
    press(refund.account, ImageFactory.create_batch(5, account=refund.account), now)
    by = UserFactory.create(is_staff=True)

    at_once(
        lambda: approve(refund, by, now, holds="stop"),
        lambda: finish(refund.account, now),
    )

    ends = LedgerEntry.objects.filter(kind__in=["settle", "release"])
    assert ends.count() == 5
    assert books_are_proved()


def test_approving_while_buying_from_the_same_balance(
    refund: RefundRequest, now: datetime
) -> None:
    before = Account.objects.get().balance
    by = UserFactory.create(is_staff=True)

    said = at_once(
        lambda: approve(refund, by, now),
        lambda: buy(Account.objects.get(), Basket(quantity=300), now),
    )

    bought = Order.objects.filter(kind="purchase").count() - 1
    assert "done" in said
    assert Account.objects.get().balance == before + FULL - bought * FULL
    assert books_are_proved()


def test_finishing_twice_at_once_pays_once(
    refund: RefundRequest, now: datetime
) -> None:
    press(refund.account, [ImageFactory.create(account=refund.account)], now)
    approve(refund, UserFactory.create(is_staff=True), now, holds="wait")
    finish(refund.account, now)

    said = at_once(*[lambda: deciding.finish_closing(now=now)] * 4)

    assert set(said) == {"done"}
    assert BalanceEntry.objects.get(kind="refund").amount == Decimal("35.94")
    assert books_are_proved()


def test_withdrawing_while_approving_ends_one_way(
    refund: RefundRequest, now: datetime
) -> None:
    by, customer = UserFactory.create(is_staff=True), refund.requested_by

    said = at_once(
        lambda: approve(refund, by, now),
        lambda: refunding.withdraw(refund=refund, by=customer, now=now),
    )

    assert said == ["RefundMoved", "done"]
    assert books_are_proved()
