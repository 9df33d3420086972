"""States follow from the clock to the instant, and moves from the table."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.lifecycle import (
    ALLOWED,
    DELETION,
    GRACE,
    ScanState,
    SubscriptionState,
    TaskState,
    subscription_state,
    task_state,
)

E = datetime(2025, 5, 15, 14, tzinfo=UTC)
DAY = timedelta(hours=24)
MOMENT = timedelta(microseconds=1)
NONE = timedelta(0)
COUNTS = st.integers(0, 3)


@pytest.mark.parametrize(
    ("after_the_end", "state"),
    [
        (-365 * DAY, "active"),
        (-MOMENT, "active"),
        (NONE, "suspended"),
        (MOMENT, "suspended"),
        (5 * DAY - MOMENT, "suspended"),
        (5 * DAY, "suspended"),
        (5 * DAY + MOMENT, "ending"),
        (6 * DAY - MOMENT, "ending"),
        (6 * DAY, "terminated"),
        (6 * DAY + MOMENT, "terminated"),
        (365 * DAY, "terminated"),
    ],
)
def test_the_clock_decides_the_state_to_the_instant(
    after_the_end: timedelta, state: str
) -> None:
    assert subscription_state(E, E + after_the_end) == state


def test_days_of_grace_are_24_hours_whatever_the_clocks_do() -> None:
    assert (timedelta(hours=120), timedelta(hours=144)) == (GRACE, DELETION)


@given(st.lists(st.timedeltas(-10 * DAY, 10 * DAY)))
def test_time_only_ever_takes_a_subscription_further(waits: list[timedelta]) -> None:
    order = list(SubscriptionState)

    passed = [order.index(subscription_state(E, E + wait)) for wait in sorted(waits)]

    assert passed == sorted(passed)


def test_a_scan_moves_as_the_rules_say_and_ends_once() -> None:
    moves = {(old.value, new.value) for old in ScanState for new in ALLOWED[old]}

    assert moves == {
        ("queued", "running"),
        ("queued", "released"),
        ("running", "queued"),
        ("running", "settled"),
        ("running", "released"),
    }


@pytest.mark.parametrize(
    ("counts", "stopped", "state"),
    [
        ((3, 0, 0, 0), False, TaskState.WAITING),
        ((2, 1, 0, 0), False, TaskState.SCANNING),
        ((2, 0, 1, 0), False, TaskState.SCANNING),
        ((2, 0, 0, 1), False, TaskState.SCANNING),
        ((0, 1, 2, 0), False, TaskState.SCANNING),
        ((0, 1, 0, 2), True, TaskState.SCANNING),
        ((0, 0, 3, 0), False, TaskState.FINISHED),
        ((0, 0, 0, 3), False, TaskState.FINISHED),
        ((0, 0, 2, 1), True, TaskState.STOPPED),
        ((0, 0, 0, 3), True, TaskState.STOPPED),
    ],
)
def test_a_tasks_state_follows_from_its_scans(
    counts: tuple[int, int, int, int], stopped: bool, state: TaskState
) -> None:
    assert task_state(*counts, stopped=stopped) is state


@given(COUNTS, COUNTS, COUNTS, COUNTS, st.booleans())
def test_a_task_is_over_exactly_when_none_of_its_scans_is_open(
    queued: int, running: int, settled: int, released: int, stopped: bool
) -> None:
    state = task_state(queued, running, settled, released, stopped)

    is_over = state in {TaskState.FINISHED, TaskState.STOPPED}
    assert is_over is (queued + running == 0)
