"""Scan tasks: their figures, undo, stop, retry and scan again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Sum
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.errors import KeyReused
from accounts.models import Account
from quota.errors import AlreadyBegun
from quota.models import (
    Image,
    LedgerEntry,
    QuotaWindow,
    Scan,
    ScanTask,
    Scope,
    Selection,
)
from quota.services import ending, overdue, scanning, working
from quota.services.reconciling import reconcile
from quota.services.scanning import ScanRequest
from tests.factories import (
    ALL,
    ImageFactory,
    account_with,
    creator_of,
    finish,
    member_of,
    press,
    report,
)
from tests.quota.task_acts import fail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
MINUTE = timedelta(minutes=1)


def started(account: Account, images: int, now: datetime) -> ScanTask:
    return press(account, ImageFactory.create_batch(images, account=account), now)


def request(task: ScanTask, scope: Scope) -> ScanRequest:
    return ScanRequest(Selection(scope, task=task.pk), ALL, "Anew")


def reserve(account: Account, request: ScanRequest, now: datetime) -> ScanTask:
    return scanning.reserve(
        account=account, request=request, agreed=None, key=uuid4(), by=None, now=now
    )


def free(account: Account) -> int:
    windows = QuotaWindow.objects.filter(account=account)
    return windows.aggregate(free=Sum("free_tenths"))["free"] or 0


def assert_books_are_proved() -> None:
    assert [proof for proof in reconcile() if proof.broken] == []


def test_a_task_keeps_the_figures_of_its_scans_and_ends_with_the_last(
    account: Account, now: datetime
) -> None:
    task = started(account, 5, now)
    assert task.ended_at is None
    lanes = ProcrastinateJob.objects.filter(task_name="quota.tasks.work")
    assert {job.args["account_id"] for job in lanes} == {account.pk}

    fail(account, now, 2)

    task.refresh_from_db()
    assert (task.settled, task.released, task.failed) == (3, 2, 2)
    assert (task.used_tenths, task.returned_tenths, task.first_scans) == (30, 20, 3)
    assert (task.high, task.critical, task.at_risk) == (3, 0, 3)
    assert task.begun_at == now
    assert task.ended_at
    assert_books_are_proved()


def test_reconcile_sees_a_task_whose_figures_no_scan_explains(
    account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    finish(account, now)

    ScanTask.objects.filter(pk=task.pk).update(high=7)

    (broken,) = [proof for proof in reconcile() if proof.broken]
    assert broken.claim == "figures kept on a task are those of its scans"


def test_undo_leaves_nothing_of_a_press_but_its_books(
    account: Account, now: datetime
) -> None:
    before = free(account)
    task = started(account, 3, now)

    undone = scanning.undo(task=task, by=creator_of(account), now=now)

    assert undone == 3
    assert free(account) == before
    assert set(Image.objects.values_list("outcome", flat=True)) == {"not_scanned"}
    assert LedgerEntry.objects.filter(kind="release", outcome="undone").count() == 3
    assert working.claim(account_id=account.pk, limit=9, now=now) is None
    assert scanning.undo(task=task, by=creator_of(account), now=now) == 0
    assert_books_are_proved()


def test_what_a_worker_has_begun_cannot_be_undone(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    working.claim(account_id=account.pk, limit=1, now=now)

    with pytest.raises(AlreadyBegun):
        scanning.undo(task=task, by=creator_of(account), now=now)

    task.refresh_from_db()
    assert task.undone_at is None
    assert Scan.objects.filter(state="released").count() == 0


def test_a_task_is_stopped_or_undone_and_not_both(
    account: Account, now: datetime
) -> None:
    by = creator_of(account)
    stopped, undone, other = (started(account, 2, now) for _ in range(3))
    scanning.stop(task=stopped, by=by, now=now)
    scanning.undo(task=undone, by=by, now=now)

    with pytest.raises(AlreadyBegun):
        scanning.undo(task=stopped, by=by, now=now)
    assert scanning.stop(task=undone, by=by, now=now) == 0

    figures = ScanTask.objects.order_by("pk").values_list(
        "stopped_by", "stopped_at", "undone_at"
    )
    assert list(figures) == [
        (by.pk, now, None),
        (by.pk, None, now),
        (None, None, None),
    ]
    assert {scan.task for scan in Scan.objects.filter(state="queued")} == {other}


def test_a_scan_given_back_by_a_lost_worker_has_begun_all_the_same(
    account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    working.claim(account_id=account.pk, limit=1, now=now)
    overdue.sweep(now=now + 2 * working.LEASE)

    with pytest.raises(AlreadyBegun):
        scanning.undo(task=task, by=creator_of(account), now=now + 3 * working.LEASE)


def test_stopping_lets_running_scans_finish_and_returns_the_rest(
    account: Account, now: datetime
) -> None:
    task = started(account, 4, now)
    claimed = working.claim(account_id=account.pk, limit=1, now=now)
    assert claimed

    released = scanning.stop(task=task, by=creator_of(account), now=now)

    (running,) = claimed.scans
    result = ending.Ended(
        running.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report()
    )
    ending.end(account_id=account.pk, ended=[result], now=now + MINUTE)
    task.refresh_from_db()
    assert released == 3
    outcomes = Image.objects.order_by("outcome").values_list("outcome", flat=True)
    assert list(outcomes) == ["scanned", "stopped", "stopped", "stopped"]
    assert (task.settled, task.released, task.failed) == (1, 3, 0)
    assert task.ended_at == now + MINUTE
    assert_books_are_proved()


def test_what_was_claimed_together_ends_each_with_its_own_outcome(
    account: Account, now: datetime
) -> None:
    started(account, 3, now)
    claimed = working.claim(account_id=account.pk, limit=3, now=now)
    assert claimed
    first, second, third = claimed.scans
    results = [
        ending.Ended(first.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=report()),
        ending.Ended(second.pk, claimed.token, Scan.Outcome.FAILED, "Unreadable."),
    ]

    assert ending.end(account_id=account.pk, ended=results, now=now) == 2

    outcomes = Scan.objects.order_by("pk").values_list("pk", "state", "outcome")
    assert set(outcomes) == {
        (first.pk, "settled", "succeeded"),
        (second.pk, "released", "failed"),
        (third.pk, "running", ""),
    }
    assert_books_are_proved()


def test_what_a_worker_claims_in_the_very_moment_of_a_stop_goes_on(
    account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    claims: list[working.Claim | None] = []

    def claim_first(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if "SET state = 'released'" in sql:
            claims.append(working.claim(account_id=account.pk, limit=1, now=now))
        return execute(sql, *rest)

    with connection.execute_wrapper(claim_first):
        released = scanning.stop(task=task, by=creator_of(account), now=now)

    (claimed,) = claims
    assert claimed
    assert released == 1
    assert Scan.objects.get(state="running") == claimed.scans[0]
    assert all(not proof.broken for proof in reconcile())


def test_a_task_stopped_twice_was_stopped_by_who_was_first(
    account: Account, now: datetime
) -> None:
    task, first = started(account, 1, now), creator_of(account)

    scanning.stop(task=task, by=first, now=now)
    scanning.stop(task=task, by=member_of(account, resource=True), now=now + MINUTE)

    task.refresh_from_db()
    assert (task.stopped_by, task.stopped_at) == (first, now)


def test_a_scan_of_a_stopped_task_is_never_begun_again(
    account: Account, now: datetime
) -> None:
    task = started(account, 1, now)
    working.claim(account_id=account.pk, limit=1, now=now)
    scanning.stop(task=task, by=creator_of(account), now=now)
    later = now + 2 * working.LEASE

    overdue.sweep(now=later)

    task.refresh_from_db()
    assert task.ended_at == later
    assert Scan.objects.get().outcome == "expired"
    assert_books_are_proved()


def test_nothing_of_a_task_starts_after_its_stop_by(
    account: Account, now: datetime
) -> None:
    by_then = now + MINUTE / 2
    images = ImageFactory.create_batch(2, account=account)
    selection = Selection(Scope.SELECTED, ids=tuple(image.pk for image in images))
    asked = ScanRequest(selection, ALL, "Nightly", time_limit=600, stop_by=by_then)
    task = reserve(account, asked, now)
    assert task.time_limit == 600
    claimed = working.claim(account_id=account.pk, limit=1, now=now)

    assert claimed
    assert working.claim(account_id=account.pk, limit=1, now=by_then) is None
    overdue.sweep(now=by_then)

    task.refresh_from_db()
    assert (task.released, task.ended_at) == (1, None)
    assert "stop-by" in Scan.objects.get(state="released").message


def test_a_retry_is_a_task_of_the_failed_images_linked_to_the_first(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    fail(account, now, 1)
    later = now + timedelta(hours=1)

    retry = reserve(account, request(task, Scope.RETRY), later)
    finish(account, later)

    retry.refresh_from_db()
    assert (retry.images, retry.retry_of, retry.cost_tenths) == (1, task, 10)
    assert retry.settled == 1


def test_scanning_again_takes_every_image_as_a_repeat(
    account: Account, now: datetime
) -> None:
    task = started(account, 3, now)
    finish(account, now)

    again = reserve(account, request(task, Scope.AGAIN), now + timedelta(hours=1))

    assert (again.images, again.retry_of, again.cost_tenths) == (3, None, 3)


def test_the_task_of_another_account_has_no_images_to_scan_again(
    account: Account, now: datetime
) -> None:
    other = account_with(now=now, slug="other")
    foreign = started(other, 2, now)
    ImageFactory.create(account=account)

    for scope in (Scope.RETRY, Scope.AGAIN):
        chosen = Selection(scope, task=foreign.pk).images(account.pk, now)

        assert not chosen.exists()


def test_a_replay_of_a_retry_returns_it_and_another_task_is_refused(
    account: Account, now: datetime
) -> None:
    tasks = [started(account, 1, now) for _ in range(2)]
    finish(account, now)
    key = uuid4()

    def again(task: ScanTask) -> ScanTask:
        return scanning.reserve(
            account=account,
            request=request(task, Scope.AGAIN),
            agreed=None,
            key=key,
            by=None,
            now=now + MINUTE,
        )

    first = again(tasks[0])

    assert again(tasks[0]) == first
    with pytest.raises(KeyReused):
        again(tasks[1])
