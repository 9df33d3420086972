"""Who may work on a scan, how long, and what becomes of one that nobody works on."""

import math
from datetime import datetime, timedelta
from typing import cast

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import Account
from quota.models import Image, Scan, Subscription
from quota.models.scans import DEFAULT_TIME_LIMIT
from quota.rules.lifecycle import DELETION
from quota.scanners.port import Scanner
from quota.services import ending, overdue, scanning, working
from quota.services.ending import Ended
from quota.services.overdue import MAX_ATTEMPTS, UNCLAIMED
from quota.services.reconciling import reconcile
from quota.services.working import LEASE, Claim, Keeper
from tests.factories import ImageFactory, account_with, creator_of, press
from tests.quota.task_acts import started

pytestmark = pytest.mark.django_db
MOMENT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
NOTHING = {"requeued": 0, "given_up": 0, "expired": 0, "woken": 0}


def claimed(account: Account, now: datetime, limit: int = 10) -> Claim:
    found = working.claim(account_id=account.pk, limit=limit, now=now)
    assert found
    return found


def states(claim: Claim) -> set[tuple[str, object, object, int]]:
    rows = Scan.objects.filter(pk__in=[scan.pk for scan in claim.scans])
    return set(rows.values_list("state", "claim", "lease_until", "attempts"))


def books_hold() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


@pytest.mark.parametrize("after", [timedelta(), DELETION])
def test_what_waited_when_the_service_ended_is_not_begun(
    account: Account, now: datetime, after: timedelta
) -> None:
    end = Subscription.objects.get().ends_at
    press(account, [ImageFactory.create(account=account)], end - MOMENT)

    assert working.claim(account_id=account.pk, limit=1, now=end + after) is None
    assert overdue.sweep(now=end + after) == {**NOTHING, "expired": 1}
    assert Scan.objects.get().outcome == "expired"
    assert books_hold()


def test_only_the_lease_of_a_claim_is_renewed(account: Account, now: datetime) -> None:
    started(account, 3, now)
    first, second = claimed(account, now, 2), claimed(account, now)
    failed = Ended(first.scans[0].pk, first.token, Scan.Outcome.FAILED, "Unreadable.")
    ending.end(account_id=account.pk, ended=[failed], now=now)
    later = now + LEASE / 2

    assert working.renew(claim=first, now=later) == 1

    assert states(second) == {("running", second.token, now + LEASE, 1)}
    left = Scan.objects.get(pk=first.scans[1].pk)
    assert (left.claim, left.lease_until) == (first.token, later + LEASE)


def test_what_is_given_back_waits_as_if_it_had_not_been_begun(
    account: Account, now: datetime
) -> None:
    started(account, 3, now)
    first, second = claimed(account, now, 2), claimed(account, now)
    waiting = ProcrastinateJob.objects.filter(task_name="quota.tasks.work")
    waiting.filter(status="todo")._raw_delete("default")

    assert working.give_back(claim=first) == 2
    assert waiting.filter(status="todo").exists()
    assert working.give_back(claim=first) == 0

    assert states(first) == {("queued", None, None, 0)}
    assert states(second) == {("running", second.token, now + LEASE, 1)}


def test_what_is_given_back_of_a_stopped_task_is_not_begun_again(
    account: Account, now: datetime
) -> None:
    task = started(account, 2, now)
    held = claimed(account, now)
    scanning.stop(task=task, by=creator_of(account), now=now)
    working.give_back(claim=held)

    assert working.claim(account_id=account.pk, limit=2, now=now) is None
    assert overdue.sweep(now=now) == {**NOTHING, "expired": 2}
    assert books_hold()


def test_a_lease_that_still_runs_is_left_alone(account: Account, now: datetime) -> None:
    started(account, 3, now)
    gone = claimed(account, now, 1)
    alive = claimed(account, now + MOMENT)
    at = now + LEASE
    ProcrastinateJob.objects.all()._raw_delete("default")

    assert overdue.sweep(now=at) == {**NOTHING, "requeued": 1, "woken": 1}

    assert states(gone) == {("queued", None, None, 1)}
    assert states(alive) == {("running", alive.token, at + MOMENT, 1)}
    assert ProcrastinateJob.objects.filter(task_name="quota.tasks.work").exists()


def test_after_three_attempts_or_at_its_deadline_a_scan_is_given_up(
    account: Account, now: datetime
) -> None:
    tried, late = started(account, 2, now), started(account, 1, now)
    first = claimed(account, now, 2)
    Scan.objects.filter(task=tried).update(attempts=MAX_ATTEMPTS)
    second = claimed(account, now)
    Scan.objects.filter(task=late).update(deadline_at=now + LEASE)

    assert overdue.sweep(now=now + LEASE) == {**NOTHING, "given_up": 3}

    assert ended(first) == {("released", "failed", overdue.WORKERS_GONE)}
    assert ended(second) == {("released", "timed_out", overdue.TOO_LATE)}
    assert books_hold()


def ended(claim: Claim) -> set[tuple[str, str, str]]:
    rows = Scan.objects.filter(pk__in=[scan.pk for scan in claim.scans])
    return set(rows.values_list("state", "outcome", "message"))


def test_a_scan_ends_at_its_deadline_though_its_worker_holds_on(
    account: Account, now: datetime
) -> None:
    started(account, 2, now)
    stuck, quick = claimed(account, now, 1), claimed(account, now)
    deadline = now + timedelta(seconds=DEFAULT_TIME_LIMIT)
    Scan.objects.filter(claim=quick.token).update(deadline_at=deadline + LEASE)
    for claim in (stuck, quick):
        working.renew(claim=claim, now=deadline - MOMENT)

    assert overdue.sweep(now=deadline) == {**NOTHING, "given_up": 1}

    assert ended(stuck) == {("released", "timed_out", overdue.TOO_LATE)}
    assert states(quick) == {("running", quick.token, deadline - MOMENT + LEASE, 1)}
    late = Ended(stuck.scans[0].pk, stuck.token, Scan.Outcome.FAILED, "Unreadable.")
    assert ending.end(account_id=account.pk, ended=[late], now=deadline) == 0
    assert books_hold()


def test_what_nobody_begins_within_a_day_is_released(
    account: Account, now: datetime
) -> None:
    started(account, 1, now)
    started(account, 1, now + MOMENT)
    other = account_with(now=now, slug="other")
    started(other, 1, now)
    running = claimed(other, now + UNCLAIMED - MOMENT)

    figures = overdue.sweep(now=now + UNCLAIMED)

    assert figures == {**NOTHING, "expired": 1, "woken": 1}
    assert set(Image.objects.values_list("outcome", flat=True)) == {
        "not_scanned",
        "stopped",
    }
    assert states(running) == {
        ("running", running.token, now + UNCLAIMED - MOMENT + LEASE, 1)
    }
    assert books_hold()


def test_a_worker_that_stops_keeps_what_it_did_and_begins_no_more(
    account: Account, now: datetime
) -> None:
    started(account, 3, now)
    before = iter([False])  # asked before each image

    ended = working.work(
        account_id=account.pk,
        scanner=cast(Scanner, None),  # no image is anywhere to be looked into
        clock=lambda: now,
        stopping=lambda: next(before, True),
    )

    assert ended == 1
    rows = Scan.objects.order_by("pk").values_list("state", "attempts")
    assert list(rows) == [("released", 1), ("queued", 0), ("queued", 0)]
    assert books_hold()


def just_before(moment: float) -> float:
    return math.nextafter(moment, 0)


def test_a_lease_is_renewed_each_time_a_quarter_of_it_is_over(
    account: Account, now: datetime
) -> None:
    started(account, 1, now)
    held = claimed(account, now)
    later = iter([now + SECOND, now + 2 * SECOND])
    keeper = Keeper(held, lambda: next(later), lambda: False, renewed=100)

    def leased(moment: float) -> datetime | None:
        assert keeper.step(moment)
        return Scan.objects.get().lease_until

    assert leased(just_before(115)) == now + LEASE
    assert leased(115) == now + SECOND + LEASE
    assert leased(just_before(130)) == now + SECOND + LEASE
    assert leased(130) == now + 2 * SECOND + LEASE


def test_a_worker_that_stops_has_ten_seconds_for_the_image_in_hand(
    account: Account, now: datetime
) -> None:
    started(account, 2, now)
    held = claimed(account, now)
    asked: list[bool] = []
    keeper = Keeper(held, lambda: now + SECOND, lambda: any(asked), renewed=97)
    assert keeper.step(100)
    asked.append(True)

    assert keeper.step(103)
    assert keeper.step(just_before(113))
    assert states(held) == {("running", held.token, now + SECOND + LEASE, 1)}
    assert not keeper.step(113)

    assert states(held) == {("queued", None, None, 0)}
