"""When scheduled scans run: cycles, gaps, doubled hours, outages, what they cost."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.dates import local_date
from quota.rules.scheduling import (
    CYCLES,
    Timing,
    check_times,
    first_after,
    following,
    latest_due,
    outlook,
    runs_until,
    stop_of,
)
from tests.quota.rules.strategies import ANCHORS, ZONES

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59))
TIMINGS = st.builds(
    Timing, st.sampled_from(CYCLES), CLOCKS, st.none() | CLOCKS, ZONES
).filter(lambda timing: timing.start != timing.stop_by)


def berlin(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def daily(start: time, stop_by: time | None = None) -> Timing:
    return Timing(1, start, stop_by, BERLIN)


def test_the_hour_that_does_not_exist_has_one_run_after_the_gap() -> None:
    timing = daily(time(2, 30))
    first = first_after(berlin(3, 28, 12), timing.start, BERLIN)

    runs = runs_until(first, timing, berlin(3, 31, 0))

    assert [run.astimezone(BERLIN).strftime("%d %H:%M") for run in runs] == [
        "29 03:30",
        "30 02:30",
    ]


def test_the_hour_that_comes_twice_has_one_run_in_its_first() -> None:
    timing = daily(time(2, 30))
    first = first_after(berlin(10, 24, 12), timing.start, BERLIN)

    runs = runs_until(first, timing, berlin(10, 27, 0))

    assert runs == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC),
    ]


def test_between_the_two_hours_the_next_run_is_tomorrow() -> None:
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15, the second time

    assert first_after(second, time(2, 30), BERLIN) == berlin(10, 26, 2, 30)


def test_a_stop_by_before_the_start_means_the_next_day() -> None:
    due = berlin(11, 27, 22)

    stop = stop_of(due, daily(time(22), time(5)), due)

    assert stop == berlin(11, 28, 5)


def test_west_of_greenwich_the_day_is_still_the_one_before() -> None:
    zone = ZoneInfo("America/New_York")
    evening = datetime(2026, 11, 26, 20, tzinfo=zone)

    due = first_after(evening, time(22), zone)
    stop = stop_of(due, Timing(1, time(22), time(23), zone), due)

    assert due == datetime(2026, 11, 26, 22, tzinfo=zone)
    assert stop == datetime(2026, 11, 26, 23, tzinfo=zone)
    assert following(due, Timing(1, time(22), None, zone)) == due + DAY
    assert due.tzinfo is UTC


def test_a_run_made_up_at_its_very_stop_by_has_its_length_from_then_on() -> None:
    due, stop = berlin(11, 27, 2), berlin(11, 27, 5)

    assert stop_of(due, daily(time(2), time(5)), stop) == stop + (stop - due)


def test_a_stop_by_at_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="must differ"):
        check_times(time(2), time(2))


def test_a_run_made_up_after_its_stop_by_has_as_long_as_it_would_have_had() -> None:
    due, back = berlin(11, 27, 2), berlin(11, 27, 14)

    timing = daily(time(2), time(5))
    assert stop_of(due, timing, back) == back + timedelta(hours=3)
    in_time = berlin(11, 27, 4)
    assert stop_of(due, timing, in_time) == berlin(11, 27, 5)


def test_a_night_that_skips_the_hour_between_start_and_stop_keeps_its_length() -> None:
    due = first_after(berlin(3, 28, 12), time(2, 15), BERLIN)

    stop = stop_of(due, daily(time(2, 15), time(3)), due)

    assert stop == due + timedelta(minutes=45)


def test_a_start_that_is_moved_to_its_stop_by_keeps_its_length_too() -> None:
    due = first_after(berlin(3, 28, 12), time(2, 30), BERLIN)

    stop = stop_of(due, daily(time(2, 30), time(3, 30)), due)

    assert stop == due + timedelta(hours=1)


@pytest.mark.parametrize("cycle", CYCLES)
def test_after_an_outage_only_the_latest_missed_run_is_due(cycle: int) -> None:
    timing = Timing(cycle, time(2), None, BERLIN)
    due = berlin(1, 1, 2)
    back = due + timedelta(days=cycle * 3) + timedelta(hours=5)

    made_up = latest_due(due, timing, back)

    assert local_date(made_up, BERLIN) == date(2026, 1, 1) + 3 * cycle * DAY
    assert following(made_up, timing) > back


def test_at_the_very_instant_of_a_run_it_is_the_one_that_is_due() -> None:
    due, later = berlin(11, 20, 2), berlin(11, 27, 2)
    timing = daily(time(2))

    assert latest_due(due, timing, later) == later
    assert latest_due(due, timing, later - timedelta(microseconds=1)) == later - DAY


@given(now=ANCHORS, timing=TIMINGS)
def test_the_next_run_lies_ahead_within_two_days_and_none_comes_twice(
    now: datetime, timing: Timing
) -> None:
    due = first_after(now, timing.start, timing.zone)

    assert now < due <= now + 2 * DAY + timedelta(hours=2)
    following_due = following(due, timing)
    assert following_due > due
    cycle = timedelta(days=timing.cycle_days)
    assert abs(following_due - due - cycle) <= timedelta(hours=24)


@given(now=ANCHORS, timing=TIMINGS, away=st.timedeltas(timedelta(0), 100 * DAY))
def test_what_is_made_up_is_the_last_run_of_the_rhythm(
    now: datetime, timing: Timing, away: timedelta
) -> None:
    due = first_after(now, timing.start, timing.zone)

    made_up = latest_due(due, timing, due + away)

    assert (
        made_up == runs_until(due, timing, due + away + timedelta(microseconds=1))[-1]
    )


@given(now=ANCHORS, timing=TIMINGS, late=st.timedeltas(timedelta(0), 5 * DAY))
def test_a_run_may_always_begin_something_before_its_stop_by(
    now: datetime, timing: Timing, late: timedelta
) -> None:
    due = first_after(now, timing.start, timing.zone)

    stop = stop_of(due, timing, due + late)

    assert (stop is None) == (timing.stop_by is None)
    assert stop is None or stop > due + late


@given(
    first=st.integers(0, 500),
    later=st.integers(0, 50),
    left=st.integers(0, 1000),
    count=st.integers(0, 40),
)
def test_the_outlook_adds_up_and_names_the_first_run_that_does_not_fit(
    first: int, later: int, left: int, count: int
) -> None:
    runs = [datetime(2026, 1, 1, 2, tzinfo=UTC) + day * DAY for day in range(count)]

    seen = outlook(runs, first_tenths=first, later_tenths=later, left_tenths=left)

    assert (seen.first_tenths, seen.later_tenths) == (first, later)
    assert seen.total_tenths == (first + later * (count - 1) if count else 0)
    assert (seen.unfit_at is None) == (seen.short_tenths == 0)
    if seen.unfit_at:
        before = [run for run in runs if run < seen.unfit_at]
        less = outlook(before, first_tenths=first, later_tenths=later, left_tenths=left)
        assert less.short_tenths == 0


def test_images_scanned_within_the_week_are_not_scanned_again() -> None:
    runs = [datetime(2026, 1, 1, 2, tzinfo=UTC) + day * DAY for day in range(15)]

    seen = outlook(runs, first_tenths=50, later_tenths=5, left_tenths=100, rest=7 * DAY)

    assert (seen.runs, seen.total_tenths) == (15, 50 + 5 + 5)
