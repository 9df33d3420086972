"""80 % and 100 % of the quota are told once for each set of open windows."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from pytest_django import Settings

from accounts.models import Account, Notice
from quota.models import QuotaWindow
from quota.quotes import Basket
from quota.services import deciding, thresholds
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.quota.refunds import approve, ask, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(quantity=300, months=2, now=now)


def told(account: Account) -> list[str]:
    rows = Notice.objects.filter(account=account, kind__startswith="quota_")
    return list(rows.order_by("pk").values_list("kind", flat=True))


def figures(account: Account) -> list[tuple[str, str, str]]:
    """What was used of how much, and left, each time it was told at 80 %."""
    rows = Notice.objects.filter(account=account, kind="quota_80").order_by("pk")
    names = ("context__used", "context__total", "context__left")
    return list(rows.values_list(*names))


def use(account: Account, images: int, now: datetime) -> None:
    press(account, ImageFactory.create_batch(images, account=account), now)
    finish(account, now)


def fill(tenths: int) -> None:
    QuotaWindow.objects.filter(number=0).update(used_tenths=tenths)


def test_one_tenth_below_eighty_percent_tells_nothing_and_at_it_once(
    account: Account, now: datetime
) -> None:
    fill(2_380)
    use(account, 1, now)
    assert told(account) == []

    use(account, 1, now)
    use(account, 1, now)

    assert told(account) == ["quota_80"]
    assert figures(account) == [("240", "300", "60")]


def test_held_quota_does_not_count(account: Account, now: datetime) -> None:
    fill(2_380)

    press(account, ImageFactory.create_batch(60, account=account), now)
    thresholds.sweep(now=now)

    assert told(account) == []


def test_crossing_both_at_once_tells_only_of_the_second(
    account: Account, now: datetime
) -> None:
    fill(2_300)

    use(account, 70, now)
    use_nothing = thresholds.sweep(now=now)

    assert use_nothing == 1
    assert told(account) == ["quota_100"]


def test_eighty_then_a_hundred_are_two_notices(account: Account, now: datetime) -> None:
    fill(2_390)
    use(account, 1, now)
    use(account, 60, now)

    assert told(account) == ["quota_80", "quota_100"]


def test_a_purchase_makes_a_new_set(account: Account, now: datetime) -> None:
    fill(2_390)
    use(account, 1, now)
    buy(account, Basket(quantity=300), now)

    thresholds.sweep(now=now)
    assert told(account) == ["quota_80"]
    fill(3_000)
    QuotaWindow.objects.filter(number=0, used_tenths=0).update(used_tenths=1_800)
    thresholds.sweep(now=now)
    thresholds.sweep(now=now)

    assert told(account) == ["quota_80", "quota_100"]


def test_what_is_told_is_of_all_open_windows_together(
    account: Account, now: datetime
) -> None:
    buy(account, Basket(quantity=600), now)
    QuotaWindow.objects.filter(number=0).update(used_tenths=F("granted_tenths") - 500)

    thresholds.sweep(now=now)

    assert figures(account) == [("800", "900", "100")]


def test_a_reset_makes_a_new_set_that_is_told_again(
    account: Account, now: datetime
) -> None:
    QuotaWindow.objects.update(used_tenths=2_400)
    reset = QuotaWindow.objects.get(number=1).starts_at

    thresholds.sweep(now=reset - timedelta(microseconds=1))
    thresholds.sweep(now=reset)
    thresholds.sweep(now=reset + timedelta(days=1))

    assert told(account) == ["quota_80", "quota_80"]
    assert figures(account) == [("240", "300", "60")] * 2


def test_a_set_that_a_refund_made_full_is_told_without_a_scan(
    account: Account, now: datetime
) -> None:
    fill(2_400)
    buy(account, Basket(quantity=300), now)
    assert thresholds.sweep(now=now) == 0
    approve(ask(account, now), now)

    assert thresholds.sweep(now=now) == 1
    assert told(account) == ["quota_80"]
    assert figures(account) == [("240", "300", "60")]


def test_a_refunded_pack_is_not_told_as_used_up(
    account: Account, now: datetime
) -> None:
    image = ImageFactory.create(account=account)
    for _ in range(10):
        press(account, [image], now)
        finish(account, now)
    approve(ask(account, now), now)
    assert QuotaWindow.objects.get(number=0).revoked_tenths == 2_981

    assert thresholds.sweep(now=now) == 0
    assert told(account) == []


def test_a_frozen_pack_counts_again_when_its_refund_is_rejected(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.REFUND_SECOND_PERSON_ABOVE = Decimal(0)
    fill(2_400)
    buy(account, Basket(quantity=300), now)
    refund = approve(ask(account, now), now)

    assert thresholds.sweep(now=now) == 1
    deciding.reject(refund=refund, answer="It is in use.", staff=staff(), now=now)
    assert thresholds.sweep(now=now) == 0

    assert told(account) == ["quota_80"]


def test_the_creator_and_global_resource_are_told(
    account: Account, now: datetime
) -> None:
    resource = member_of(account, resource=True)
    member_of(account, financial=True)
    fill(3_000)

    thresholds.sweep(now=now)

    users = set(Notice.objects.filter(kind="quota_100").values_list("user", flat=True))
    assert users == {creator_of(account).pk, resource.pk}


def test_an_account_without_quota_is_told_nothing(
    account: Account, now: datetime
) -> None:
    bare = account_with(quantity=0, now=now, slug="bare")
    approve(ask(account, now), now)

    for each in (bare, account):
        assert thresholds.check(account=each, now=now) is None
    assert thresholds.sweep(now=now) == 0
