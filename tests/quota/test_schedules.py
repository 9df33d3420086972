"""Schedules: saved over their revision, taken back, and what they never say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import Account
from quota.errors import ScheduleMoved
from quota.models import (
    Kind,
    ScanTask,
    Schedule,
    ScheduledRun,
)
from quota.models.schedules import Settings
from quota.services import scheduling
from tests.factories import (
    ImageFactory,
    creator_of,
)
from tests.quota.schedule_acts import NIGHTLY, due, saved

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def test_saving_over_somebody_elses_revision_is_refused(
    account: Account, now: datetime
) -> None:
    saved(account, now)
    saved(account, now, replace(NIGHTLY, cycle_days=7), revision=1)

    with pytest.raises(ScheduleMoved):
        saved(account, now, replace(NIGHTLY, cycle_days=30), revision=1)

    assert Schedule.objects.get().cycle_days == 7


def test_a_run_that_is_due_stays_due_while_cycle_and_start_stay(
    account: Account, now: datetime
) -> None:
    weekly = replace(NIGHTLY, cycle_days=7)
    schedule = saved(account, now, weekly)
    ImageFactory.create(account=account)
    scheduling.queue_due(now=due(schedule))
    next_week = due(schedule)

    saved(account, now + DAY, replace(weekly, fit=True), revision=1)
    assert due(schedule) == next_week
    saved(account, now + DAY, replace(weekly, start=time(3)), revision=2)

    assert due(schedule) == datetime(2026, 11, 26, 3, tzinfo=UTC)
    scheduling.undo(
        account=account, kind=Kind.LOCAL, revision=3, by=creator_of(account),
        now=now + DAY,
    )  # fmt: skip
    assert due(schedule) == next_week
    schedule.cycle_days = 15
    assert scheduling.name_of(schedule) == "Schedule every 15 days"


def test_a_run_that_no_worker_started_stays_due_while_cycle_and_start_stay(
    account: Account, now: datetime
) -> None:
    weekly = replace(NIGHTLY, cycle_days=7)
    schedule = saved(account, now, weekly)
    ImageFactory.create(account=account)
    missed = due(schedule)
    later = missed + 3 * MINUTE

    saved(account, later, replace(weekly, fit=True), revision=1)
    assert due(schedule) == missed
    scheduling.undo(
        account=account, kind=Kind.LOCAL, revision=2, by=creator_of(account), now=later
    )

    assert due(schedule) == missed
    assert scheduling.queue_due(now=later) == 1
    assert (ScanTask.objects.count(), due(schedule)) == (1, missed + 7 * DAY)


def test_undo_after_the_run_keeps_the_next_one_where_it_is(
    account: Account, now: datetime
) -> None:
    weekly = replace(NIGHTLY, cycle_days=7)
    schedule = saved(account, now, weekly)
    first = due(schedule)
    saved(account, first - MINUTE, replace(weekly, fit=True), revision=1)
    scheduling.queue_due(now=first)

    scheduling.undo(
        account=account, kind=Kind.LOCAL, revision=2, by=creator_of(account), now=first
    )

    assert due(schedule) == first + 7 * DAY


def test_undo_brings_the_previous_revision_back_for_ten_minutes(
    account: Account, now: datetime
) -> None:
    first = saved(account, now)
    was_due = due(first)
    saved(account, now + MINUTE, Settings(), revision=1)
    creator = creator_of(account)

    def undo(revision: int, at: datetime) -> Schedule:
        return scheduling.undo(
            account=account, kind=Kind.LOCAL, revision=revision, by=creator, now=at
        )

    with pytest.raises(ScheduleMoved):
        undo(2, now + 11 * MINUTE)
    with pytest.raises(ScheduleMoved):
        undo(1, now + 2 * MINUTE)
    restored = undo(2, now + 2 * MINUTE)

    assert (restored.settings, restored.revision) == (NIGHTLY, 3)
    assert due(restored) == was_due
    with pytest.raises(ScheduleMoved):
        undo(3, now + 3 * MINUTE)


def test_undo_is_of_one_list_and_leaves_nothing_due_that_is_over(
    account: Account, now: datetime
) -> None:
    creator, at = creator_of(account), datetime(2026, 11, 25, 2, tzinfo=UTC)

    def undo(kind: Kind, revision: int) -> Schedule:
        return scheduling.undo(
            account=account, kind=kind, revision=revision, by=creator, now=at
        )

    with pytest.raises(ScheduleMoved):
        undo(Kind.REPOSITORY, 0)
    for kind, saves in ((Kind.LOCAL, 3), (Kind.REPOSITORY, 2)):
        for revision in range(saves):
            other = replace(NIGHTLY, start=time(revision or 2))
            saved(account, at - MINUTE, other, revision=revision, kind=kind)

    restored = undo(Kind.REPOSITORY, 2)

    assert (restored.kind, restored.start) == (Kind.REPOSITORY, time(2))
    assert due(restored) == at + DAY


def test_a_schedule_that_is_off_runs_nothing(account: Account, now: datetime) -> None:
    saved(account, now)
    off = saved(account, now, replace(NIGHTLY, is_on=False), revision=1)

    assert off.due_at is None
    assert scheduling.queue_due(now=now + 30 * DAY) == 0


def test_each_list_has_a_schedule_of_its_own(account: Account, now: datetime) -> None:
    ImageFactory.create(account=account)
    ImageFactory.create(account=account, in_registry=True, is_local=False)
    for kind in Kind:
        saved(account, now, kind=kind)

    assert scheduling.queue_due(now=now + DAY) == 2

    kinds = ScanTask.objects.order_by("kind").values_list("kind", "images")
    assert list(kinds) == [("local", 1), ("repository", 1)]


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("schedule_cycle_is_one_offered", {"cycle_days": 3}),
        ("schedule_never_stops_when_it_starts", {"stop_by": time(2)}),
        ("schedule_looks_for_something", {"categories": []}),
        ("schedule_of_chosen_images_has_some", {"scope": "selected"}),
        ("schedule_scope_is_one_offered", {"scope": "again"}),
        ("schedule_is_due_while_it_is_on", {"due_at": None}),
        ("schedule_is_due_while_it_is_on", {"is_on": False}),
        ("schedule_is_of_a_list_of_images", {"kind": "galaxy"}),
    ],
)
def test_a_schedule_never_says_what_is_not_offered(
    account: Account, now: datetime, constraint: str, changes: Mapping[str, Any]
) -> None:
    saved(account, now)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Schedule.objects.update(**changes)


def test_a_run_is_never_recorded_twice_nor_before_its_time(
    account: Account, now: datetime
) -> None:
    ImageFactory.create(account=account)
    schedule = saved(account, now)
    scheduling.queue_due(now=due(schedule))
    run = ScheduledRun.objects.get()
    early = ScheduledRun.objects.filter(pk=run.pk)

    with pytest.raises(IntegrityError, match="never_before"), transaction.atomic():
        early.update(ran_at=run.due_at - MINUTE)
    with pytest.raises(IntegrityError, match="exactly_when"), transaction.atomic():
        early.update(outcome="Skipped", reason="x")
    again = ScheduledRun.objects.get()
    again.pk, again.task = None, None
    again.outcome, again.reason = "Skipped", "Again"
    with pytest.raises(IntegrityError, match="once_per_due"), transaction.atomic():
        again.save(force_insert=True)
