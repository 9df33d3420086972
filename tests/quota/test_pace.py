"""The forecast in the quota header: from the ledger's roll-up, without a query more."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account
from quota.models import Kind, Scope
from quota.models.schedules import Settings
from quota.pages.header import Standing, standing
from quota.pages.pace import foreseen
from quota.pages.rail import Rail, rail
from quota.pages.words import Clock
from quota.quotes import Basket
from quota.rules.forecast import Forecast
from quota.services import scheduling
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    press,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NIGHTLY = Settings(is_on=True, scope=Scope.ALL)


def scan_new(account: Account, count: int, at: datetime) -> None:
    press(account, ImageFactory.create_batch(count, account=account), at)
    finish(account, at)


def drawn(stands: Standing) -> Rail:
    assert stands.header
    assert stands.header.rail
    return stands.header.rail


def test_a_new_month_is_too_early_to_say(now: datetime) -> None:
    account = account_with(now=now - DAY)

    found = standing(account, now)

    assert found.forecast is None
    assert drawn(found).words == "Forecast starts after 2 days of scanning"
    assert drawn(found).look == "g-line"


def test_quota_that_lasts_says_how_much_is_to_spare(now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    scan_new(account, 3, now - DAY)

    found = standing(account, now)

    # 3 of 300 in 3 days: 27 more in the 27 days to 21 December.
    assert drawn(found).words == "Lasts to the reset, about 270 to spare"
    assert (drawn(found).look, drawn(found).out) == ("g-fine", "")


def test_quota_that_runs_short_says_when(now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    scan_new(account, 100, now - DAY)

    found = standing(account, now)

    # 100 in 3 days; the 200 left are gone after 6 more, on 30 November at 9:00.
    assert found.forecast
    assert found.forecast.runs_out_at == now + 6 * DAY
    assert found.forecast.short_tenths == 7_000
    assert drawn(found).out == "30.00%"
    assert drawn(found).out_day == "30 Nov"
    assert drawn(found).words == "Runs out about Mon 30 Nov"
    assert found.header
    assert "Runs out about Mon 30 Nov." in found.header.description


def test_quota_that_is_gone_is_used_up(now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    scan_new(account, 300, now - DAY)

    found = drawn(standing(account, now))

    assert (found.words, found.look) == ("Used up. Nothing can be scanned", "g-gap")
    assert found.out == ""


def test_what_was_spent_before_the_reset_is_not_in_the_pace(now: datetime) -> None:
    account = account_with(now=now - 33 * DAY, months=3)
    scan_new(account, 200, now - 4 * DAY)
    scan_new(account, 6, now - DAY)

    found = standing(account, now)

    assert found.pace
    assert list(found.pace.spent) == [60]


def test_failed_scans_and_strangers_are_not_in_the_pace(now: datetime) -> None:
    account = account_with(now=now - 3 * DAY)
    other = account_with(now=now - 3 * DAY, slug="other")
    scan_new(other, 50, now - DAY)
    press(account, ImageFactory.create_batch(2, account=account), now - DAY)
    finish(account, now - DAY, fails=True)

    assert [sum(standing(account, now).pace.spent)] == [0]  # type: ignore[union-attr]


def test_a_nightly_schedule_is_foreseen_run_by_run(now: datetime) -> None:
    account = account_with(now=now - 4 * DAY)
    ImageFactory.create_batch(20, account=account)
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=NIGHTLY,
        revision=0,
        by=creator_of(account),
        now=now - 2 * DAY,
    )
    for ago in (2, 1):
        scheduling.queue_due(now=now - ago * DAY + timedelta(hours=20))
        finish(account, now - ago * DAY + timedelta(hours=20))

    found = standing(account, now)

    # 20 firsts and a night of 20 repeats were spent, all by the schedule. Nights to
    # come before the reset on 20 December, 9:00: 26, of 2 each.
    assert found.pace
    assert (list(found.pace.spent), list(found.pace.spent_by_runs)) == ([220], [220])
    assert list(found.pace.images) == [20]
    assert found.forecast
    assert found.forecast == Forecast(0, None, 0, 3_000 - 220 - 26 * 20)
    weekly = foreseen(
        found.pace, found.windows, found.tariff, Clock(account, now), cycle_days=7
    )
    assert weekly
    assert weekly.spare_tenths == 3_000 - 220 - 4 * 20


def test_images_that_are_new_to_a_later_run_stay_in_the_pace(now: datetime) -> None:
    account = account_with(now=now - 4 * DAY)
    ImageFactory.create_batch(20, account=account)
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=NIGHTLY,
        revision=0,
        by=creator_of(account),
        now=now - 3 * DAY,
    )
    for ago in (3, 2, 1):
        at = now - ago * DAY + timedelta(hours=20)
        scheduling.queue_due(now=at)
        finish(account, at)
        ImageFactory.create_batch(4, account=account)

    found = standing(account, now)

    # 20 firsts at first; then 4 firsts a night, which go on, and 20 and 24 repeats.
    assert found.pace
    assert list(found.pace.spent) == [200 + 2 * 40 + 20 + 24]
    assert list(found.pace.spent_by_runs) == [200 + 20 + 24]
    assert found.forecast
    assert found.forecast.daily_tenths == 20


def test_several_packs_are_foreseen_together(now: datetime) -> None:
    account = account_with(now=now - 5 * DAY)
    buy(account, Basket(quantity=300), now - DAY)
    scan_new(account, 50, now - DAY)

    found = standing(account, now)

    assert found.header
    assert len(found.header.packs) == 2
    assert found.forecast
    assert found.forecast.daily_tenths == 100
    # 10 a day to the first reset, on 19 December at 9:00: 250 of 550.
    assert found.forecast.spare_tenths == 3_000


def test_the_forecast_asks_no_query_of_its_own(
    now: datetime, django_assert_num_queries: Any
) -> None:
    account = account_with(now=now - 3 * DAY)
    standing(account, now)

    with django_assert_num_queries(3):
        standing(account, now)


@pytest.mark.parametrize(
    ("ahead", "labelled"), [(1, False), (6, True), (20, True), (26, False)]
)
def test_labels_never_touch(now: datetime, ahead: int, labelled: bool) -> None:
    starts = now - 2 * DAY
    found = Forecast(10, now + ahead * DAY, 1, 0)

    made = rail(
        left_tenths=10,
        starts_at=starts,
        ends_at=starts + 30 * DAY,
        found=found,
        clock=Clock(Account(zone="UTC"), now),
    )

    assert made.label_out is labelled
    assert not made.label_starts
