"""Workers that find the same schedule due, and one that dies while starting it."""

from datetime import datetime, timedelta
from itertools import count

import pytest
from django.db import transaction

from accounts.models import Account
from quota.errors import AlreadyBegun
from quota.models import Kind, LedgerEntry, ScanTask, Schedule, ScheduledRun, Scope
from quota.models.schedules import Settings
from quota.services import overdue, scanning, scheduling, working
from quota.services.reconciling import reconcile
from tests.factories import ImageFactory, account_with, creator_of, press
from tests.races.processes import FORK, start

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def account(now: datetime) -> Account:
    account = account_with(now=now)
    ImageFactory.create_batch(20, account=account)
    return account


def saved(account: Account, now: datetime) -> Schedule:
    return scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=Settings(is_on=True, scope=Scope.ALL),
        revision=0,
        by=None,
        now=now,
    )


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


def queue_at(barrier: object, at: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    scheduling.queue_due(now=at)


def together(at: datetime, workers: int) -> None:
    barrier = FORK.Barrier(workers)
    processes = [start(queue_at, barrier, at) for _ in range(workers)]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * workers


@pytest.mark.parametrize("away", [timedelta(0), DAY + timedelta(hours=3)])
def test_workers_at_once_start_one_task_also_after_a_days_outage(
    account: Account, now: datetime, away: timedelta
) -> None:
    schedule = saved(account, now)
    assert schedule.due_at

    together(schedule.due_at + away, 4)

    assert ScheduledRun.objects.count() == ScanTask.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="hold").count() == 20
    assert books_are_proved()


def queue_and_die(at: datetime) -> None:
    with transaction.atomic():
        scheduling.queue_due(now=at)
        raise SystemExit(9)


def test_a_worker_that_dies_while_starting_a_run_leaves_it_due(
    account: Account, now: datetime
) -> None:
    schedule = saved(account, now)
    assert schedule.due_at

    process = start(queue_and_die, schedule.due_at)
    process.join(60)

    assert not ScanTask.objects.exists()
    assert scheduling.queue_due(now=schedule.due_at) == 1
    assert ScanTask.objects.count() == 1
    assert books_are_proved()


def claim_all(barrier: object, account_id: int, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    working.claim(account_id=account_id, limit=5, now=now)


def undo_it(barrier: object, task_id: int, now: datetime) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    task = ScanTask.objects.get(pk=task_id)
    by = creator_of(task.account)
    try:
        scanning.undo(task=task, by=by, now=now)
    except AlreadyBegun:
        return


def test_undo_beside_a_claim_is_all_or_nothing(account: Account, now: datetime) -> None:
    """Whoever comes first: the task is undone whole, or it goes on whole."""
    images = list(account.image_set.order_by("pk"))
    for attempt, _ in zip(count(), range(8), strict=False):
        at = now + timedelta(hours=attempt)
        task = press(account, images, at)
        barrier = FORK.Barrier(2)
        rivals = [
            start(claim_all, barrier, account.pk, at),
            start(undo_it, barrier, task.pk, at),
        ]
        for rival in rivals:
            rival.join(60)
        assert [rival.exitcode for rival in rivals] == [0, 0]

        task.refresh_from_db()
        if task.undone_at:
            assert (task.released, task.images) == (20, 20)
        else:
            assert task.released == 0
            assert task.scans.filter(state="running").count() == 5
        scanning.stop(task=task, by=creator_of(account), now=at)
        overdue.sweep(now=at + 2 * working.LEASE)
    assert books_are_proved()
