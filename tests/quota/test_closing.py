"""Refunds of packs that scans hold quota of: stop them, or wait for them."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import Settings

from accounts.models import Account
from quota.errors import BadDecision
from quota.models import (
    LedgerEntry,
    Order,
    OrderLine,
    QuotaWindow,
    RefundEvent,
    RefundRequest,
    Scan,
    Subscription,
)
from quota.quotes import Basket
from quota.services import deciding
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    finish,
    press,
)
from tests.quota.refunds import approve, ask, books_hold, staff

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


@pytest.mark.parametrize(("before", "holds"), [("wait", "stop"), ("stop", "")])
def test_the_second_person_may_choose_anew_what_becomes_of_scans(
    account: Account, now: datetime, settings: Settings, before: str, holds: str
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
    press(account, ImageFactory.create_batch(2, account=account), now)
    refund, seen = approve(ask(account, now), now, holds=before), Decimal("36.00")

    with pytest.raises(BadDecision, match="stop or wait"):
        deciding.confirm(refund=refund, seen=seen, holds="x", staff=staff(), now=now)
    done = deciding.confirm(
        refund=refund, seen=seen, holds=holds, staff=staff(), now=now
    )

    assert (done.state, done.amount) == ("approved", seen)


def test_held_scans_ask_for_a_choice(account: Account, now: datetime) -> None:
    press(account, ImageFactory.create_batch(2, account=account), now)

    with pytest.raises(BadDecision, match="stop or wait"):
        approve(ask(account, now), now)


def test_stop_releases_split_scans_wholly(account: Account, now: datetime) -> None:
    scanned = ImageFactory.create_batch(299, account=account)
    for images in (scanned, scanned[:5]):
        press(account, images, now)
        finish(account, now)
    buy(account, Basket(quantity=300), now + DAY)
    press(account, [ImageFactory.create(account=account)], now + DAY)
    scan = Scan.objects.latest("pk")
    press(account, [ImageFactory.create(account=account)], now + DAY)
    entries = LedgerEntry.objects.filter(scan=scan.pk)
    assert list(entries.values_list("tenths", flat=True)) == [5, 5]
    first = OrderLine.objects.filter(kind="pack").order_by("pk")[0]

    approved = approve(ask(account, now + DAY, first), now + DAY, holds="stop")

    assert approved.state == "approved"
    assert entries.filter(kind="release").count() == 2
    held = QuotaWindow.objects.filter(held_tenths__gt=0).values_list("held_tenths")
    assert list(held) == [(10,)]  # by the scan that draws from the other pack alone
    assert books_hold()


def test_waiting_pays_what_is_left_when_the_scans_have_ended(
    account: Account, now: datetime
) -> None:
    press(account, ImageFactory.create_batch(10, account=account), now)
    refund = approve(ask(account, now), now, holds="wait")
    assert refund.state == "closing"
    assert deciding.finish_closing(now=now) == 0

    finish(account, now)

    assert deciding.finish_closing(now=now + DAY) == 1
    assert deciding.finish_closing(now=now + DAY) == 0
    assert RefundRequest.objects.get().amount == Decimal("35.40")
    assert [event.act for event in RefundEvent.objects.order_by("pk")] == [
        "requested", "approved", "waiting", "paid",
    ]  # fmt: skip
    assert books_hold()


@pytest.mark.parametrize("is_large", [True, False])
def test_waiting_for_scans_that_use_up_everything_pays_nothing(
    now: datetime, settings: Settings, is_large: bool
) -> None:
    account, last = account_with(now=now, months=1), staff()
    press(account, ImageFactory.create_batch(300, account=account), now)
    if is_large:
        settings.REFUND_SECOND_PERSON_ABOVE = Decimal(1)
        refund, seen = approve(ask(account, now), now, holds="wait"), Decimal("18.00")
        deciding.confirm(refund=refund, seen=seen, holds="", staff=last, now=now)
    else:
        refund = approve(ask(account, now), now, holds="wait", by=last)

    finish(account, now)

    assert deciding.finish_closing(now=now) == 1
    refund.refresh_from_db()
    assert (refund.state, refund.ended_by) == ("rejected", last.user)
    assert not Order.objects.filter(kind="refund").exists()
    assert books_hold()


def test_a_result_that_arrives_after_stop_is_discarded(
    account: Account, now: datetime
) -> None:
    press(account, [ImageFactory.create(account=account)], now)
    approve(ask(account, now), now, holds="stop")

    assert finish(account, now) == 0
    assert Order.objects.get(kind="refund").total == Decimal("36.00")
    assert books_hold()


def test_an_end_that_passes_while_scans_finish_takes_nothing_back(
    account: Account, now: datetime
) -> None:
    end = Subscription.objects.get().ends_at
    just_before = end - timedelta(minutes=1)
    press(account, ImageFactory.create_batch(10, account=account), just_before)
    approve(ask(account, just_before), just_before, holds="wait")
    finish(account, just_before)

    assert deciding.finish_closing(now=end + DAY) == 1

    assert RefundRequest.objects.get().amount == Decimal("35.40")
    assert books_hold()
