"""Refunds through the services: what is asked for, its sum, and the books after."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db.models import Sum

from accounts.errors import KeyReused
from accounts.models import Account, BalanceEntry
from quota.errors import (
    AlreadyAsked,
    InsufficientQuota,
    NothingToRefund,
    RefundMoved,
)
from quota.models import (
    LedgerEntry,
    Order,
    OrderLine,
    QuotaWindow,
    RefundEvent,
    RefundRequest,
)
from quota.quotes import Basket
from quota.services import deciding, refund_sums, refunding
from tests.factories import ImageFactory, account_with, buy, creator_of, finish, press
from tests.quota.refunds import (
    ASKED,
    approve,
    ask,
    books_hold,
    edition_line,
    pack_line,
    staff,
    use,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


def test_the_seed_like_case_is_paid_back_to_the_cent(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    for _ in range(100):
        press(account, [image], now)
        finish(account, now)
    before = Account.objects.get().balance
    refund = ask(account, now)

    approved = approve(refund, now + DAY)

    order = Order.objects.get(kind="refund")
    assert approved.state == "approved"
    (paid,) = approved.computation["payments"]
    assert (paid["what"], paid["amount"]) == ("300 × $0.06 × 2 months", "36.00")
    assert order.total == approved.amount == Decimal("35.35")
    assert Account.objects.get().balance == before + Decimal("35.35")
    assert order.lines.get().formula.startswith(
        "$36.00 paid − 10.9 used × $0.06 = $35.35"
    )
    assert (order.lines.get().credited, order.lines.get().position) == (refund.order, 1)
    assert (
        order.by == BalanceEntry.objects.get(kind="refund").by == approved.approved_by
    )
    after = refund_sums.compute(refund_sums.thing_asked(approved), now + DAY)
    assert (after.refunded, after.most) == (order.total, Decimal("0.65"))
    assert books_hold()


def test_after_approval_no_window_of_the_pack_accepts_a_hold(
    account: Account, now: datetime
) -> None:
    use(account, 3, now)

    approve(ask(account, now), now + DAY)

    assert not QuotaWindow.objects.filter(free_tenths__gt=0).exists()
    revoked = LedgerEntry.objects.filter(kind="revoke").aggregate(n=Sum("tenths"))
    assert revoked["n"] == 6000 - 30
    with pytest.raises(InsufficientQuota):
        press(account, [ImageFactory.create(account=account)], now + DAY)


def test_the_other_pack_is_still_drawn_from(account: Account, now: datetime) -> None:
    buy(account, Basket(quantity=600), now + DAY)
    refund = ask(account, now + DAY)
    assert len(refund.computation["windows"]) == 2

    approve(refund, now + 2 * DAY)

    press(account, [ImageFactory.create(account=account)], now + 2 * DAY)
    assert LedgerEntry.objects.get(kind="hold").window.pack.quantity == 300
    assert books_hold()


def test_lapsed_quota_is_not_deducted(account: Account, now: datetime) -> None:
    use(account, 10, now)
    later = now + timedelta(days=35)

    approved = approve(ask(account, later), later)

    assert approved.amount == Decimal("35.40")
    assert books_hold()


def test_a_second_press_returns_the_first_request(
    account: Account, now: datetime
) -> None:
    key, line = uuid4(), pack_line(account)

    def pressed(line: OrderLine = line) -> RefundRequest:
        return refunding.request(
            account=account,
            line=line,
            asked=ASKED,
            key=key,
            by=creator_of(account),
            now=now,
        )

    assert pressed() == pressed()
    with pytest.raises(KeyReused):
        pressed(edition_line(account))
    event, refund = RefundEvent.objects.get(), RefundRequest.objects.get()
    assert (event.words, event.by) == (ASKED.note, creator_of(account))
    assert (refund.note, refund.reason) == (ASKED.note, ASKED.reason)


def test_one_open_request_per_thing(account: Account, now: datetime) -> None:
    refund = ask(account, now)

    with pytest.raises(AlreadyAsked, match=refund.label):
        ask(account, now)


def test_a_refunded_pack_is_not_asked_for_again(
    account: Account, now: datetime
) -> None:
    refund = approve(ask(account, now), now)

    with pytest.raises(AlreadyAsked, match="was refunded already"):
        ask(account, now)
    with pytest.raises(RefundMoved, match="cannot be withdrawn"):
        refunding.withdraw(refund=refund, by=creator_of(account), now=now)


def test_a_rejected_or_withdrawn_pack_can_be_asked_for_again(
    account: Account, now: datetime
) -> None:
    buy(account, Basket(quantity=300), now)
    other = ask(account, now)
    line = OrderLine.objects.filter(kind="pack").earliest("pk")
    first = ask(account, now, line)
    deciding.reject(refund=first, answer="Please tell us why.", staff=staff(), now=now)
    second = ask(account, now, line)
    refunding.withdraw(refund=second, by=creator_of(account), now=now)
    refunding.withdraw(refund=second, by=creator_of(account), now=now)

    assert ask(account, now, line).state == "requested"
    other.refresh_from_db()
    assert other.state == "requested"
    assert RefundEvent.objects.filter(act="withdrawn").count() == 1


def test_nothing_left_is_nothing_to_refund(now: datetime) -> None:
    account = account_with(now=now, months=1)
    QuotaWindow.objects.update(used_tenths=3000)

    with pytest.raises(NothingToRefund, match="All fees on this order have been used"):
        ask(account, now)


def test_after_its_last_window_a_pack_is_not_asked_for(
    account: Account, now: datetime
) -> None:
    with pytest.raises(NothingToRefund, match="ended"):
        ask(account, now + timedelta(days=70))


def test_a_renewed_pack_credits_the_renewal_first(
    account: Account, now: datetime
) -> None:
    line = pack_line(account)
    renewal = Order.objects.create(
        account=account, number=2, kind="renewal", key=uuid4(), asked={},
        total=Decimal("18.00"), currency="USD", created_at=now,
    )  # fmt: skip
    line.pk, line.order, line.amount, line.periods = None, renewal, Decimal("18.00"), 1
    line.save(force_insert=True)

    approved = approve(ask(account, now), now)

    credited = OrderLine.objects.filter(order=approved.refund_order)
    assert approved.amount == Decimal("54.00")
    assert list(credited.order_by("pk").values_list("credited__number", "amount")) == [
        (2, Decimal("18.00")),
        (1, Decimal("36.00")),
    ]


def test_the_credit_stands_beside_the_order(account: Account, now: datetime) -> None:
    approve(ask(account, now), now)

    entry = BalanceEntry.objects.get(kind="refund")
    assert Order.objects.get(kind="refund").number == 2
    assert entry.reference == "order:2"
