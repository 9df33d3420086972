"""The forecast: honest about what is early, exact about what is short."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.forecast import (
    DAY,
    EARLIEST,
    Forecast,
    Run,
    forecast,
    measured_from,
    purchase_to_cover,
)

NOW = datetime(2026, 11, 27, 9, 21, tzinfo=UTC)
RESET = datetime(2026, 12, 15, 6, 0, tzinfo=UTC)
tenths = st.integers(0, 100_000)
runs = st.lists(
    st.builds(
        Run,
        st.integers(0, 60 * 24 * 41).map(
            lambda minute: NOW + timedelta(minutes=minute - 10_000)
        ),
        st.integers(1, 5_000),
    ),
    max_size=30,
)


def ahead(left: int, spent: int, scheduled: list[Run]) -> Forecast:
    found = forecast(
        left_tenths=left,
        spent_tenths=spent,
        since=NOW - 7 * DAY,
        now=NOW,
        resets_at=RESET,
        runs=scheduled,
    )
    assert found
    return found


@given(tenths, tenths, runs)
def test_it_is_short_or_has_to_spare_and_never_both(
    left: int, spent: int, scheduled: list[Run]
) -> None:
    found = ahead(left, spent, scheduled)

    assert found.short_tenths == 0 or found.spare_tenths == 0
    assert (found.runs_out_at is None) == (found.short_tenths == 0)
    if found.runs_out_at:
        assert NOW <= found.runs_out_at <= RESET


@given(tenths, tenths, runs)
def test_what_is_short_is_exactly_what_makes_it_last(
    left: int, spent: int, scheduled: list[Run]
) -> None:
    short = ahead(left, spent, scheduled).short_tenths

    assert ahead(left + short, spent, scheduled).runs_out_at is None
    if short:
        assert ahead(left + short - 1, spent, scheduled).runs_out_at is not None


@given(tenths, st.integers(1, 100_000), runs, st.integers(1, 10_000))
def test_more_quota_never_runs_out_earlier(
    left: int, spent: int, scheduled: list[Run], more: int
) -> None:
    less_out = ahead(left, spent, scheduled).runs_out_at or RESET
    more_out = ahead(left + more, spent, scheduled).runs_out_at or RESET

    assert more_out >= less_out


@given(tenths, runs)
def test_a_schedule_alone_runs_out_at_one_of_its_runs(
    left: int, scheduled: list[Run]
) -> None:
    out = ahead(left, 0, scheduled).runs_out_at

    assert out is None or out in {run.at for run in scheduled}


def test_a_run_at_the_reset_belongs_to_the_next_month() -> None:
    assert ahead(10, 0, [Run(RESET, 11)]).runs_out_at is None
    assert ahead(10, 0, [Run(RESET - timedelta(seconds=1), 11)]).runs_out_at


def test_a_run_that_begins_now_is_still_ahead() -> None:
    assert ahead(10, 0, [Run(NOW, 11)]).short_tenths == 1


def test_what_just_fits_leaves_the_next_run_short() -> None:
    first, second = Run(NOW + DAY, 10), Run(NOW + 2 * DAY, 5)

    found = ahead(10, 0, [second, first])

    assert (found.runs_out_at, found.short_tenths) == (second.at, 5)


@given(st.integers(1, 10**15))
def test_three_weeks_at_the_pace_of_one_take_exactly_three_times_as_much(
    spent: int,
) -> None:
    found = forecast(
        left_tenths=2 * spent,
        spent_tenths=spent,
        since=NOW - 7 * DAY,
        now=NOW,
        resets_at=NOW + 21 * DAY,
    )

    assert found
    assert found.short_tenths == spent
    assert found.runs_out_at == NOW + 14 * DAY


@given(st.integers(1, 10**15))
def test_a_run_on_the_way_takes_its_days_from_the_end(times: int) -> None:
    found = ahead(100 * times, 70 * times, [Run(NOW + 3 * DAY, 30 * times)])

    assert found.runs_out_at == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("spent", "days", "daily"),
    [(70, 7, 10), (74, 7, 11), (21, 2, 11), (7 * 10**17 + 7, 7, 10**17 + 1)],
)
def test_the_pace_of_a_day_is_rounded_half_up(
    spent: int, days: int, daily: int
) -> None:
    found = forecast(
        left_tenths=0,
        spent_tenths=spent,
        since=NOW - days * DAY,
        now=NOW,
        resets_at=RESET,
    )

    assert found
    assert found.daily_tenths == daily


@pytest.mark.parametrize(
    ("measured", "is_early"),
    [(EARLIEST, False), (EARLIEST - timedelta(microseconds=1), True)],
)
def test_less_than_two_days_is_too_early_to_say(
    measured: timedelta, is_early: bool
) -> None:
    found = forecast(
        left_tenths=10,
        spent_tenths=10,
        since=NOW - measured,
        now=NOW,
        resets_at=RESET,
    )

    assert (found is None) == is_early


def test_the_pace_is_that_of_the_last_week_or_since_the_beginning() -> None:
    assert measured_from(NOW - 30 * DAY, NOW) == NOW - 7 * DAY
    assert measured_from(NOW - 3 * DAY, NOW) == NOW - 3 * DAY


@given(st.integers(1, 3_000_000), st.sampled_from([300, 100]))
def test_the_purchase_is_the_smallest_that_covers(short: int, step: int) -> None:
    quantity = purchase_to_cover(short, step)

    assert quantity % step == 0
    assert (quantity - step) * 10 < short <= quantity * 10
