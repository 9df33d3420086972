"""Months are counted from the anchor, in a zone, and tile without gap or overlap."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quota.rules.calendar import Span, boundary, reaching_from, windows
from tests.quota.rules.strategies import ANCHORS, ZONES

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
MOMENT = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """An instant from its ISO text, in UTC unless it says otherwise."""
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def test_the_month_of_the_seed_example_turns_at_14_to_the_instant() -> None:
    anchor, end = at("2024-03-15T14:00"), at("2024-06-15T14:00")
    first, second, third = windows(anchor, end, UTC_ZONE)

    assert (first.starts_at, first.ends_at) == (anchor, at("2024-04-15T14:00"))
    assert second.starts_at == at("2024-04-15T14:00")
    assert (third.ends_at, third.is_short) == (end, False)


def test_a_day_the_month_lacks_becomes_its_last_and_comes_back() -> None:
    anchor = at("2024-01-31T14:00")

    assert [boundary(anchor, n, UTC_ZONE) for n in range(5)] == [
        at("2024-01-31T14:00"),
        at("2024-02-29T14:00"),
        at("2024-03-31T14:00"),
        at("2024-04-30T14:00"),
        at("2024-05-31T14:00"),
    ]


def test_a_leap_day_is_the_28th_until_the_next_leap_year() -> None:
    anchor = at("2024-02-29T09:00")

    days = [boundary(anchor, 12 * years, UTC_ZONE).day for years in range(5)]

    assert days == [29, 28, 28, 28, 29]


@pytest.mark.parametrize(
    ("zone", "anchor", "months", "starts_at"),
    [
        # 02:30 does not exist: 03:30
        (BERLIN, "2024-02-29T02:30+01:00", 1, "2024-03-29T02:30+01:00"),
        (BERLIN, "2024-01-31T02:30+01:00", 2, "2024-03-31T03:30+02:00"),
        (NEW_YORK, "2024-02-10T02:30-05:00", 1, "2024-03-10T03:30-04:00"),
        # and 02:30 again a month later
        (BERLIN, "2024-01-31T02:30+01:00", 4, "2024-05-31T02:30+02:00"),
        # it exists twice: the first
        (BERLIN, "2024-09-27T02:30+02:00", 1, "2024-10-27T02:30+02:00"),
        (NEW_YORK, "2024-10-03T01:30-04:00", 1, "2024-11-03T01:30-04:00"),
        # the clock time is kept across the change
        (BERLIN, "2024-03-15T14:00+01:00", 1, "2024-04-15T14:00+02:00"),
        (NEW_YORK, "2024-10-15T14:00-04:00", 1, "2024-11-15T14:00-05:00"),
        # the zone decides which day it is
        (NEW_YORK, "2024-02-01T03:00+00:00", 1, "2024-03-01T03:00+00:00"),
        # a day that was skipped whole
        (
            ZoneInfo("Pacific/Apia"),
            "2011-11-30T10:00-10:00",
            1,
            "2011-12-31T10:00+14:00",
        ),
    ],
)
def test_the_clock_of_the_zone_decides(
    zone: ZoneInfo, anchor: str, months: int, starts_at: str
) -> None:
    assert boundary(at(anchor), months, zone) == at(starts_at)


@pytest.mark.parametrize("fold", [0, 1])
def test_an_anchor_in_the_hour_that_comes_twice_stays_itself(fold: int) -> None:
    anchor = datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold)

    assert boundary(anchor, 0, BERLIN) == anchor.astimezone(UTC)
    assert boundary(anchor, 0, BERLIN).tzinfo is UTC
    assert boundary(anchor, 1, BERLIN) == at("2024-11-27T02:30+01:00")
    assert boundary(anchor, 12, BERLIN) == at("2025-10-27T02:30+01:00")


def test_a_boundary_in_the_hour_that_comes_twice_takes_the_first() -> None:
    anchor = datetime(2019, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)

    assert boundary(anchor, 60, BERLIN) == at("2024-10-27T02:30+02:00")


@given(ANCHORS, st.integers(1, 60), ZONES)
@example(at("2024-01-31T14:00"), 1, UTC_ZONE)
def test_a_month_begins_on_the_anchors_day_and_clock(
    anchor: datetime, months: int, zone: ZoneInfo
) -> None:
    starts_at = boundary(anchor, months, zone)
    wanted, got = anchor.astimezone(zone), starts_at.astimezone(zone)
    year, month = divmod(wanted.year * 12 + wanted.month - 1 + months, 12)
    day = min(wanted.day, monthrange(year, month + 1)[1])
    named = wanted.replace(year=year, month=month + 1, day=day, tzinfo=None, fold=0)

    moved = got.replace(tzinfo=None, fold=0) - named

    assert starts_at.tzinfo is UTC
    assert got.fold == 0
    if moved:  # only out of a gap, and by its length
        assert named.replace(tzinfo=zone).astimezone(UTC) == starts_at
        assert moved in {
            timedelta(minutes=30),
            timedelta(hours=1),
            timedelta(hours=24),
        }


@given(ANCHORS, st.integers(1, 5 * 365), ZONES)
def test_windows_tile_from_the_anchor_to_the_end(
    anchor: datetime, days: int, zone: ZoneInfo
) -> None:
    end = anchor + timedelta(days=days, seconds=-1)

    spans = windows(anchor, end, zone)

    assert (spans[0].starts_at, spans[-1].ends_at) == (anchor, end)
    assert windows(anchor, end.astimezone(zone), zone)[-1].ends_at.tzinfo is UTC
    assert all(span.starts_at < span.ends_at for span in spans)
    assert all(this.ends_at == after.starts_at for this, after in pairwise(spans))
    assert not any(span.is_short for span in spans[:-1])


@given(ANCHORS, st.integers(1, 5 * 365), ZONES)
def test_every_boundary_comes_from_the_anchor_and_none_from_the_one_before(
    anchor: datetime, days: int, zone: ZoneInfo
) -> None:
    end = anchor + timedelta(days=days)

    for number, span in enumerate(windows(anchor, end, zone)):
        natural_end = boundary(anchor, number + 1, zone)

        assert span == Span(
            starts_at=boundary(anchor, number, zone),
            ends_at=min(natural_end, end),
            is_short=end < natural_end,
            natural_end=natural_end,
        )


@given(ANCHORS, st.integers(1, 36), st.integers(0, 40), ZONES)
def test_a_renewal_counts_on_where_the_paid_months_stop(
    anchor: datetime, months: int, first: int, zone: ZoneInfo
) -> None:
    end = boundary(anchor, months, zone)

    assert windows(anchor, end, zone, first) == windows(anchor, end, zone)[first:]


@given(ANCHORS, st.integers(1, 36), ZONES)
def test_a_month_begins_strictly_before_the_end(
    anchor: datetime, months: int, zone: ZoneInfo
) -> None:
    end = boundary(anchor, months, zone)

    assert len(windows(anchor, end - MOMENT, zone)) == months
    assert len(windows(anchor, end, zone)) == months
    assert len(windows(anchor, end + MOMENT, zone)) == months + 1
    assert not windows(anchor, end, zone)[-1].is_short


@pytest.mark.parametrize("late", [timedelta(0), MOMENT, timedelta(days=40)])
def test_nothing_begins_at_its_end_or_later(late: timedelta) -> None:
    end = at("2024-03-15T14:00")

    assert windows(end + late, end, UTC_ZONE) == []


@pytest.mark.parametrize(
    ("end", "months", "since"),
    [
        ("2025-06-15T14:00", 3, "2025-03-15T14:00"),
        ("2025-02-28T14:00", 1, "2025-01-31T14:00"),
        ("2025-03-01T14:00", 1, "2025-02-01T14:00"),
        ("2024-03-30T14:00", 1, "2024-03-01T00:00"),
        ("2025-03-31T14:00", 1, "2025-03-01T00:00"),
        ("2025-06-15T14:00", 0, "2025-06-15T14:00"),
    ],
)
def test_a_month_begins_no_earlier_than_the_end_from_then_on(
    end: str, months: int, since: str
) -> None:
    assert reaching_from(at(end), months, UTC_ZONE) == at(since)


@pytest.mark.parametrize(
    ("end", "since"),
    [
        # free at the first 02:30, charged at the second 02:00: the second 02:30
        ("2024-11-27T02:30+01:00", "2024-10-27T02:30+01:00"),
        # the whole of the last day would do: from its midnight there
        ("2024-03-30T14:00+01:00", "2024-03-01T00:00+01:00"),
        # 02:30 did not exist that day: 03:30, as everywhere
        ("2024-04-30T02:30+02:00", "2024-03-31T03:30+02:00"),
    ],
)
def test_where_the_clocks_change_it_is_the_later_instant(end: str, since: str) -> None:
    assert reaching_from(at(end), 1, BERLIN) == at(since)
    assert reaching_from(at(end), 1, BERLIN).tzinfo is UTC


@given(
    anchor=ANCHORS,
    term=st.integers(2, 36),
    months=st.integers(0, 36),
    waits=st.lists(st.timedeltas(timedelta(0), timedelta(days=40)), max_size=20),
    zone=ZONES,
)
def test_who_buys_from_then_on_is_never_charged_for_the_last_month(
    anchor: datetime,
    term: int,
    months: int,
    waits: list[timedelta],
    zone: ZoneInfo,
) -> None:
    end = boundary(anchor, term, zone)

    since = reaching_from(end, months, zone)

    for wait in (timedelta(0), MOMENT, *waits):
        assert boundary(since + wait, months, zone) >= end


@given(ANCHORS, st.integers(0, 36))
def test_who_buys_a_moment_before_is_still_charged(end: datetime, months: int) -> None:
    since = reaching_from(end, months, UTC_ZONE)

    assume(since.year > 1990)
    assert boundary(since - MOMENT, months, UTC_ZONE) < end
