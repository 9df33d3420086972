"""Runs of schedules: started once, made up once, told once."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection

from accounts.models import Account, Notice
from quota.models import (
    Image,
    Kind,
    QuotaWindow,
    Scan,
    ScanTask,
    Schedule,
    ScheduledRun,
    Scope,
)
from quota.models.schedules import Settings
from quota.services import overdue, scanning, scheduling, working
from quota.services.reconciling import reconcile
from tests.conftest import as_owner
from tests.factories import (
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
    renew,
)
from tests.quota.schedule_acts import NIGHTLY, due, saved

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
Outcome = ScheduledRun.Outcome


def held(account: Account) -> int:
    windows = QuotaWindow.objects.filter(account=account)
    return sum(windows.values_list("held_tenths", flat=True))


def test_a_run_starts_one_task_at_its_time_and_moves_on(
    account: Account, now: datetime
) -> None:
    ImageFactory.create_batch(3, account=account)
    schedule = saved(account, now)
    first = due(schedule)
    assert first == datetime(2026, 11, 25, 2, tzinfo=UTC)

    assert scheduling.queue_due(now=first - MINUTE) == 0
    assert scheduling.queue_due(now=first) == 1
    assert scheduling.queue_due(now=first + MINUTE) == 0

    run, task = ScheduledRun.objects.get(), ScanTask.objects.get()
    assert (run.outcome, run.task, run.due_at) == (Outcome.SUCCESS, task, first)
    assert (task.images, task.cost_tenths, task.requested_by) == (3, 30, None)
    assert task.title == "Daily schedule, local images"
    assert due(schedule) == first + DAY
    assert not Notice.objects.filter(kind__startswith="run_").exists()


def test_after_a_days_outage_one_run_is_made_up(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account)
    schedule = saved(account, now)
    back = due(schedule) + 2 * DAY + timedelta(hours=5)

    assert scheduling.queue_due(now=back) == 1
    assert scheduling.queue_due(now=back + MINUTE) == 0

    run = ScheduledRun.objects.get()
    assert run.due_at == datetime(2026, 11, 27, 2, tzinfo=UTC)
    assert ScanTask.objects.count() == 1
    assert due(schedule) == run.due_at + DAY


def test_a_schedule_that_is_started_twice_or_beside_another_starts_one_run(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account, in_registry=True)
    local, remote = (saved(account, now, kind=kind) for kind in Kind)

    started = [
        scheduling.run_due(account_id=account.pk, schedule_id=remote.pk, now=due(local))
        for _ in range(2)
    ]

    assert started == [1, 0]
    assert ScheduledRun.objects.get().schedule == remote


def test_a_run_without_a_task_does_not_keep_the_next_from_starting(
    account: Account, now: datetime
) -> None:
    schedule = saved(account, now)
    scheduling.queue_due(now=due(schedule))
    ImageFactory.create(account=account)

    scheduling.queue_due(now=due(schedule))

    outcomes = ScheduledRun.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.IMAGE_NEED_IS_EMPTY, Outcome.SUCCESS]


def test_a_run_still_going_is_not_doubled_and_told_once(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account)
    schedule = saved(account, now)
    first = due(schedule)
    scheduling.queue_due(now=first)
    working.claim(account_id=account.pk, limit=1, now=first + MINUTE)

    scheduling.queue_due(now=first + DAY)

    runs = list(ScheduledRun.objects.order_by("pk"))
    assert [run.outcome for run in runs] == [Outcome.SUCCESS, Outcome.SKIPPED]
    assert "still going" in runs[1].reason
    assert ScanTask.objects.count() == 1
    assert Notice.objects.filter(kind="run_skipped").count() == 1


@pytest.mark.parametrize("fit", [False, True])
def test_a_run_that_does_not_fit_follows_the_schedules_choice(
    account: Account, now: datetime, fit: bool
) -> None:
    member_of(account, resource=True)
    member_of(account, financial=True)
    ImageFactory.create_batch(301, account=account)
    schedule = saved(account, now, replace(NIGHTLY, fit=fit))

    scheduling.queue_due(now=due(schedule))

    run, notices = (
        ScheduledRun.objects.get(),
        Notice.objects.filter(kind__startswith="run_"),
    )
    assert notices.count() == 2  # the creator, and who has global resource
    context = notices[0].context
    assert context["schedule"] == "Local images, every day"
    if fit:
        assert (run.outcome, run.cut) == (Outcome.SUCCESS, 1)
        assert ScanTask.objects.get().images == 300
        assert (context["scanned"], context["wanted"]) == ("300", "301 images")
        assert {notice.kind for notice in notices} == {"run_cut"}
    else:
        assert run.outcome == Outcome.INSUFFICIENT_LICENSE
        assert "1 more quota needed" in run.reason
        assert not ScanTask.objects.exists()
        assert {notice.kind for notice in notices} == {"run_skipped"}
        assert context["reason"] == run.reason


def test_scan_what_fits_with_nothing_left_is_a_skipped_run(
    account: Account, now: datetime
) -> None:
    images = ImageFactory.create_batch(301, account=account)
    press(account, images[:300], now)
    schedule = saved(account, now, replace(NIGHTLY, fit=True))

    scheduling.queue_due(now=due(schedule))

    assert ScheduledRun.objects.get().outcome == Outcome.INSUFFICIENT_LICENSE


def test_a_run_with_no_image_to_scan_says_so_and_tells_nobody(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account)  # runs nowhere, so it is not recommended
    settings = Settings(is_on=True, scope=Scope.RECOMMENDED)
    schedule = saved(account, now, settings)

    scheduling.queue_due(now=due(schedule))

    run = ScheduledRun.objects.get()
    assert run.outcome == Outcome.IMAGE_NEED_IS_EMPTY
    assert not Notice.objects.filter(kind="run_skipped").exists()


def test_what_is_due_while_not_active_is_skipped_and_not_made_up(
    now: datetime,
) -> None:
    account = account_with(months=1, now=now - timedelta(days=29), slug="late")
    ImageFactory.create(account=account)
    schedule = saved(account, now)
    end = account.subscription_set.get().ends_at
    after_end = end + timedelta(hours=20)

    scheduling.queue_due(now=after_end)

    run = ScheduledRun.objects.latest("pk")
    assert run.outcome == Outcome.SKIPPED
    assert "not active" in run.reason
    assert not ScanTask.objects.exists()
    assert due(schedule) > after_end


def test_a_renewal_makes_up_no_run_that_was_due_before_it(now: datetime) -> None:
    account = account_with(months=1, now=now - timedelta(days=29), slug="late")
    ImageFactory.create(account=account)
    end = account.subscription_set.get().ends_at
    schedule = saved(account, end - MINUTE, replace(NIGHTLY, cycle_days=15))
    assert due(schedule) > end
    renew(account, due(schedule) + MINUTE)

    scheduling.queue_due(now=due(schedule) + 2 * MINUTE)

    run = ScheduledRun.objects.get()
    assert (run.outcome, run.task) == (Outcome.SKIPPED, None)
    (context, *_) = Notice.objects.filter(kind="run_skipped").values_list("context")
    assert context[0]["schedule"] == "Local images, every 15 days"


def test_a_weekly_run_counts_last_weeks_results_as_a_week_old(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account, containers=1)
    weekly = Settings(is_on=True, cycle_days=7, scope=Scope.RECOMMENDED)
    schedule = saved(account, now, weekly)
    first = due(schedule)
    scheduling.queue_due(now=first)
    finish(account, first + 10 * MINUTE)

    assert due(schedule) == first + 7 * DAY
    scheduling.queue_due(now=first + 7 * DAY)

    assert [task.cost_tenths for task in ScanTask.objects.order_by("pk")] == [10, 1]


def test_names_are_left_out_by_the_star_and_by_the_tag(
    account: Account, now: datetime
) -> None:
    for name, tag in (
        ("payments/api", "1"), ("payments/web", "2"), ("web/shop", "1"),
        ("web/shop", "2"), ("data/x+y", "1"), ("data/xxy", "1"),
    ):  # fmt: skip
        ImageFactory.create(account=account, name=name, tag=tag)
    left_out = ("Payments/*", "web/shop:2", "data/x+y")
    schedule = saved(account, now, replace(NIGHTLY, left_out=left_out))

    scheduling.queue_due(now=due(schedule))

    scanned = Image.objects.filter(scans__isnull=False)
    assert sorted(str(image) for image in scanned) == ["data/xxy:1", "web/shop:1"]


def test_what_no_worker_reached_by_the_stop_by_is_released_noted_and_told_once(
    account: Account, now: datetime
) -> None:
    ImageFactory.create_batch(3, account=account)
    schedule = saved(account, now, replace(NIGHTLY, stop_by=time(5)))
    first = due(schedule)
    scheduling.queue_due(now=first)
    claimed = working.claim(account_id=account.pk, limit=1, now=first)
    assert claimed
    five = first + timedelta(hours=3)
    Scan.objects.filter(state="running").update(lease_until=five + MINUTE)

    overdue.sweep(now=five - MINUTE)
    assert not Scan.objects.filter(state="released").exists()
    for _ in range(2):
        overdue.sweep(now=five)

    run = ScheduledRun.objects.get()
    assert run.cut == 2
    assert held(account) == 10
    (notice,) = Notice.objects.filter(kind="run_cut")
    assert (notice.context["scanned"], notice.context["wanted"]) == ("1", "3 images")
    assert [proof for proof in reconcile() if proof.broken] == []


def test_each_run_counts_what_was_not_reached_of_its_own(
    account: Account, now: datetime
) -> None:
    ImageFactory.create_batch(3, account=account)
    ImageFactory.create_batch(2, account=account, in_registry=True, is_local=False)
    until_five = replace(NIGHTLY, stop_by=time(5))
    first, _ = (saved(account, now, until_five, kind=kind) for kind in Kind)
    at = due(first)
    scheduling.queue_due(now=at)
    finish(account, at)
    scheduling.queue_due(now=at + DAY)

    overdue.sweep(now=at + DAY + timedelta(hours=3))

    cut = ScheduledRun.objects.order_by("pk").values_list("cut", flat=True)
    assert list(cut) == [0, 0, 3, 2]
    assert Notice.objects.filter(kind="run_cut").count() == 2


def test_a_daylight_saving_night_runs_once(now: datetime) -> None:
    in_october = datetime(2026, 10, 20, tzinfo=UTC)
    account = account_with(months=2, now=in_october, zone="Europe/Berlin", slug="dst")
    ImageFactory.create(account=account)
    eve = datetime(2026, 10, 24, 12, tzinfo=UTC)
    schedule = saved(account, eve, replace(NIGHTLY, start=time(2, 30)))

    for minutes in range(0, 24 * 60, 10):
        at = eve + timedelta(minutes=minutes)
        scheduling.queue_due(now=at)
        finish(account, at)

    run = ScheduledRun.objects.get()
    assert run.due_at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert due(schedule) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_run_that_breaks_is_recorded_and_the_others_go_on(
    account: Account, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    other = account_with(now=now - 3 * DAY, slug="other")
    for each in (account, other):
        ImageFactory.create(account=each)
        saved(each, now)
    Account.objects.filter(pk=account.pk).update(currency="CHF")  # has no tariff

    recorded = scheduling.queue_due(now=now + DAY)

    assert recorded == 2
    broken = ScheduledRun.objects.get(account=account)
    assert broken.outcome == Outcome.INTERNAL_ERROR
    assert ScheduledRun.objects.get(account=other).outcome == Outcome.SUCCESS
    assert "could not run" in caplog.text
    assert due(Schedule.objects.get(account=account)) > now + DAY


@pytest.mark.django_db(transaction=True)
def test_a_run_whose_account_is_locked_waits_and_the_others_go_on(
    account: Account, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    other = account_with(now=now - 3 * DAY, slug="other")
    for each in (account, other):
        ImageFactory.create(account=each)
        saved(each, now)
    mine = Schedule.objects.get(account=account)

    with connection.cursor() as cursor, as_owner() as somebody:
        cursor.execute("SET lock_timeout = '50ms'")
        account_row = "SELECT 1 FROM accounts_account WHERE id = %s FOR UPDATE"
        somebody.execute(account_row, [account.pk])
        recorded = scheduling.queue_due(now=now + DAY)

    assert recorded == 1
    assert ScheduledRun.objects.get().account == other
    assert f"Schedule {mine.pk} waits for the next minute." in caplog.text
    assert scheduling.queue_due(now=now + DAY + MINUTE) == 1
    runs = ScheduledRun.objects.order_by("pk").values_list("account", "outcome")
    assert list(runs) == [(other.pk, Outcome.SUCCESS), (account.pk, Outcome.SUCCESS)]


def test_a_stopped_run_does_not_keep_the_next_from_starting(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account)
    schedule = saved(account, now)
    first = due(schedule)
    scheduling.queue_due(now=first)
    task = ScanTask.objects.get()
    scanning.stop(task=task, by=creator_of(account), now=first + MINUTE)

    scheduling.queue_due(now=first + DAY)

    assert ScheduledRun.objects.filter(outcome="Success").count() == 2
