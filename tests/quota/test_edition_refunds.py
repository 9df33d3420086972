"""Refunds of Professional Edition: when, how much, and what it ends."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import Account, Notice
from accounts.money import to_cents
from quota.errors import (
    InsufficientQuota,
    NotActive,
    NothingToRefund,
    NotYours,
    RefundMoved,
)
from quota.models import Image, QuotaWindow, Subscription, Term
from quota.pages.accounts import choices
from quota.pages.foresight import for_the_term
from quota.pages.header import standing
from quota.pages.words import Clock
from quota.quotes import Basket, RenewalBasket
from quota.rules.lifecycle import DELETION
from quota.services import (
    auto_renewal,
    deciding,
    refunding,
    reminding,
    renewing,
    scanning,
    terminating,
)
from tests.addresses import url
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    member_of,
    press,
    renew,
)
from tests.quota.refunds import approve, ask, books_hold, edition_line, staff

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now, months=2)


def test_edition_waits_for_its_packs(account: Account, now: datetime) -> None:
    QuotaWindow.objects.update(used_tenths=2_999)
    with pytest.raises(NothingToRefund, match="300 scans a month still has quota left"):
        ask(account, now, edition_line(account))

    approve(ask(account, now), now)
    refund = ask(account, now, edition_line(account))
    buy(account, Basket(quantity=300), now)

    assert refund.estimate == Decimal("13.28")
    with pytest.raises(RefundMoved, match="still has quota left"):
        approve(refund, now + DAY)


def test_edition_ends_at_the_instant_of_approval(
    account: Account, now: datetime
) -> None:
    approve(ask(account, now), now)
    refund = ask(account, now, edition_line(account))

    approved = approve(refund, now + 10 * DAY)

    subscription = Subscription.objects.get()
    days = 61  # 24 Nov to 24 Jan
    assert approved.amount == to_cents(Decimal("13.50") * (days - 11) / days)
    assert subscription.ends_at == subscription.refunded_at == now + 10 * DAY
    assert QuotaWindow.objects.exclude(shut_at=now).count() == 0
    assert Subscription.objects.current(account.pk, now + 10 * DAY) is None
    assert books_hold()


def test_at_its_end_it_is_over(account: Account, now: datetime) -> None:
    approve(ask(account, now), now)
    refund = ask(account, now, edition_line(account))
    end = Subscription.objects.get().ends_at

    with pytest.raises(NotYours, match="has ended"):
        approve(refund, end, amount="1.00", answer="Goodwill.")
    refunding.withdraw(refund=refund, by=creator_of(account), now=end)
    with pytest.raises(NothingToRefund, match="has ended"):
        ask(account, end, edition_line(account))


def test_edition_is_not_refunded_at_the_instant_it_began(
    account: Account, now: datetime
) -> None:
    approve(ask(account, now), now)
    refund = ask(account, now, edition_line(account))
    later = now + timedelta(microseconds=1)

    with pytest.raises(RefundMoved, match="began this very instant"):
        approve(refund, now)
    approve(refund, later)

    assert Subscription.objects.get().ends_at == later
    assert books_hold()


def test_bought_anew_before_deletion_keeps_the_history(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    press(account, [image], now)
    finish(account, now)
    approve(ask(account, now), now + DAY)
    approve(ask(account, now + DAY, edition_line(account)), now + DAY)

    buy(account, Basket(quantity=300, cores=1, months=1), now + 2 * DAY)
    task = press(account, [image], now + 2 * DAY)

    assert task.cost_tenths == 1
    assert terminating.terminate_due(now=now + DAY + DELETION) == 1
    assert Image.objects.get() == image
    assert not Notice.objects.filter(kind="terminated").exists()
    assert books_hold()


@pytest.fixture
def refunded(account: Account, now: datetime) -> Account:
    """An account of two people whose pack and Professional Edition were refunded."""
    auto_renewal.switch(account=account, on=True, by=None, now=now)
    member_of(account, financial=True)
    approve(ask(account, now), now)
    approve(ask(account, now, edition_line(account)), now + DAY)
    return account


def test_after_its_refund_nobody_is_reminded_nor_told_of_arrears(
    refunded: Account, now: datetime
) -> None:
    term_end = Term.objects.get().ends_at

    for end in (now + DAY, term_end):
        for hours in range(-8 * 24, 7 * 24):
            reminding.remind(now=end + timedelta(hours=hours))

    dated = ("expiry_reminder", "arrears", "auto_renewal_failed")
    assert not Notice.objects.filter(kind__in=dated).exists()


def test_after_its_refund_it_cannot_be_renewed_by_anyone(
    refunded: Account, now: datetime
) -> None:
    ended = now + DAY

    with pytest.raises(NotActive):
        renew(refunded, ended)
    with pytest.raises(NotActive):
        auto_renewal.switch(account=refunded, on=True, by=None, now=ended)
    for hours in range(6 * 24):
        assert auto_renewal.sweep(now=ended + timedelta(hours=hours)) == 0
    assert Term.objects.count() == 1
    assert auto_renewal.outlook(account=refunded, now=ended) is None
    buy(refunded, Basket(cores=1, months=1), ended)
    for on in (True, False):
        auto_renewal.switch(account=refunded, on=on, by=None, now=ended)
    kept = Subscription.objects.order_by("anchor").values_list("auto_renew", flat=True)
    assert list(kept) == [True, False]
    again = ask(refunded, ended, edition_line(refunded))
    (paid,) = again.computation["payments"]
    assert paid["amount"] == "6.75"
    approve(again, ended + DAY)
    ends = Subscription.objects.order_by("anchor").values_list("ends_at", flat=True)
    assert list(ends) == [ended, ended + DAY]


def test_its_data_goes_six_days_later_unless_it_is_bought_again(
    refunded: Account, now: datetime
) -> None:
    ImageFactory.create(account=refunded, first_seen_at=now)
    gone = now + DAY + DELETION

    assert terminating.terminate_due(now=gone - timedelta(microseconds=1)) == 0
    assert terminating.terminate_due(now=gone) == 1

    assert not Image.objects.exists()
    assert books_hold()


def test_quota_that_comes_back_after_its_refund_is_drawn_by_nobody(
    now: datetime,
) -> None:
    account = account_with(now=now, months=2)
    later = now + 35 * DAY  # in the second and last month
    task = press(account, ImageFactory.create_batch(300, account=account), later)
    assert QuotaWindow.objects.latest("number").free_tenths == 0
    approve(ask(account, later, edition_line(account)), later)
    buy(account, Basket(cores=1, months=1), later + DAY)
    offered = renewing.quote(account=account, basket=RenewalBasket(1), now=later + DAY)
    assert [*offered.packs, *offered.left_out, *offered.growing] == []
    scanning.stop(task=task, by=creator_of(account), now=later + DAY)

    with pytest.raises(InsufficientQuota):
        press(account, [ImageFactory.create(account=account)], later + DAY)
    assert QuotaWindow.objects.latest("number").free_tenths == 3000
    asked = ask(account, later + DAY, edition_line(account))
    assert asked.state == "requested"  # an older edition's quota is not in its way
    assert books_hold()


def test_a_request_rejected_after_its_refund_opens_nothing_again(
    now: datetime,
) -> None:
    account = account_with(now=now, months=1)
    asked = ask(account, now)
    task = press(account, ImageFactory.create_batch(300, account=account), now)
    approve(ask(account, now, edition_line(account)), now + DAY)
    deciding.reject(refund=asked, answer="Used.", staff=staff(), now=now + DAY)
    buy(account, Basket(cores=1, months=1), now + DAY)
    scanning.stop(task=task, by=creator_of(account), now=now + DAY)

    with pytest.raises(InsufficientQuota):
        press(account, [ImageFactory.create(account=account)], now + DAY)
    assert books_hold()


@pytest.fixture
def scanned(account: Account, now: datetime) -> Image:
    """An image scanned before everything was refunded."""
    image = ImageFactory.create(account=account)
    press(account, [image], now)
    finish(account, now)
    return image


@pytest.mark.usefixtures("scanned")
@pytest.mark.parametrize("after", [timedelta(0), DELETION - timedelta(microseconds=1)])
def test_until_its_data_goes_pages_say_when_and_what_is_kept(
    refunded: Account, client: Client, now: datetime, after: timedelta
) -> None:
    creator = creator_of(refunded)
    at = now + DAY + after
    when = "today, 09:00" if after else "on Tue 1 Dec, 09:00"
    kept = (
        f"Data is deleted {when}. Bought again before then, results and history are"
        " kept."
    )

    with time_machine.travel(at, tick=False):
        client.force_login(creator)
        for name in ("subscription", "front", "images", "scan-now", "usage"):
            page = client.get(url(name, refunded))
            assertContains(page, kept)
            assertNotContains(page, "terminated")
            assertNotContains(page, "anew")
        assertContains(client.get(url("images", refunded)), "<small>Repeat</small>")
        assertContains(client.get(url("subscription", refunded)), "Export all results")
        assertContains(client.get(url("subscription", refunded)), "Purchase image scan")

    (choice,) = choices(creator, at)
    assert choice.pause
    assert (choice.pause.title, choice.pause.words) == ("Refunded", kept)


@pytest.mark.usefixtures("scanned")
def test_once_its_data_went_pages_say_that_it_was_terminated(
    refunded: Account, client: Client, now: datetime
) -> None:
    creator = creator_of(refunded)
    gone = now + DAY + DELETION

    with time_machine.travel(gone, tick=False):
        client.force_login(creator)
        subscription = client.get(url("subscription", refunded))
        assertContains(subscription, "Image scan was terminated on 1 Dec")
        assertContains(subscription, "every image is a first scan")
        overview = client.get(url("front", refunded))
        assertContains(overview, "Image scan was terminated on 1 Dec. Bought again, it")
        assertContains(client.get(url("images", refunded)), "<small>First scan</small>")

    (choice,) = choices(creator, gone)
    assert choice.pause is None


def test_bought_again_nothing_speaks_of_the_refund(
    refunded: Account, client: Client, now: datetime
) -> None:
    at = now + 2 * DAY
    buy(refunded, Basket(quantity=300, cores=1, months=1), at)

    with time_machine.travel(at, tick=False):
        client.force_login(creator_of(refunded))
        for name in ("subscription", "front", "images"):
            assertNotContains(client.get(url(name, refunded)), "efunded")

    (choice,) = choices(creator_of(refunded), at)
    assert (choice.pause, choice.until) == (None, "26 Dec")


def test_what_came_back_after_its_refund_is_nobodys_quota(
    client: Client, now: datetime
) -> None:
    account = account_with(now=now, months=1)
    task = press(account, ImageFactory.create_batch(300, account=account), now)
    approve(ask(account, now, edition_line(account)), now + DAY)
    scanning.stop(task=task, by=creator_of(account), now=now + DAY)
    anew = now + 2 * DAY
    buy(account, Basket(quantity=300, cores=1, months=1), anew)
    press(account, ImageFactory.create_batch(60, account=account), anew + DAY)
    finish(account, anew + DAY)
    at = anew + 3 * DAY

    with time_machine.travel(at, tick=False):
        client.force_login(creator_of(account))
        usage = client.get(url("usage", account))

    assertContains(usage, "<dt>Left</dt><dd>240 ")
    assertNotContains(usage, "Open months")
    # 60 in three days: 540 more in the 27 days to the end, and 240 of it is there.
    assert for_the_term(account, standing(account, at), Clock(account, at)) == 300
    assert books_hold()
