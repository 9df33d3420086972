"""The instants of a term: attempts of auto-renewal, reminders, arrears."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.auto_renewal import LATE, attempts, due_attempt, next_attempt
from quota.rules.lifecycle import GRACE, can_grow
from quota.rules.reminders import Dated, due_reminder, reminders
from tests.quota.rules.strategies import ANCHORS, ZONES

UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
MOMENT = timedelta(microseconds=1)
END = datetime(2026, 3, 15, 14, tzinfo=UTC)


def test_attempts_of_an_afternoon_end_begin_at_midnight() -> None:
    found = list(attempts(END, UTC_ZONE))

    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    assert found[:14] == [midnight + n * HOUR for n in range(14)]
    assert found[14:] == [END + n * 24 * HOUR for n in range(6)]


def test_attempts_of_an_end_at_midnight_begin_an_hour_before() -> None:
    end = datetime(2026, 3, 15, tzinfo=UTC)

    assert list(attempts(end, UTC_ZONE))[:2] == [end - HOUR, end]


@given(ANCHORS, ZONES)
def test_attempts_rise_and_span_the_hour_before_and_the_grace(
    end: datetime, zone: ZoneInfo
) -> None:
    found = list(attempts(end, zone))

    assert found == sorted(set(found))
    assert found[0] <= end - HOUR
    assert end in found
    assert found[-1] == end + GRACE
    assert found[0].astimezone(zone).date() == end.astimezone(zone).date() or (
        found[0] == end - HOUR
    )
    assert next_attempt(end, zone, found[0] - MOMENT) == found[0]
    assert next_attempt(end, zone, end + GRACE) is None


def test_an_attempt_is_due_once() -> None:
    assert due_attempt(END, UTC_ZONE, None, END - 14 * HOUR - MOMENT) is None
    assert due_attempt(END, UTC_ZONE, None, END - 14 * HOUR) == END - 14 * HOUR
    assert due_attempt(END, UTC_ZONE, END - 14 * HOUR, END - 13 * HOUR - MOMENT) is None
    assert due_attempt(END, UTC_ZONE, END - 14 * HOUR, END - 13 * HOUR)


def test_the_first_attempt_waits_for_midnight_in_the_zone() -> None:
    end, zone = datetime(2026, 3, 15, 20, tzinfo=UTC), ZoneInfo("Asia/Singapore")
    midnight = datetime(2026, 3, 16, tzinfo=zone)

    assert due_attempt(end, zone, None, midnight - MOMENT) is None
    assert due_attempt(end, zone, None, midnight) == midnight


def test_missed_attempts_come_to_one_now() -> None:
    late = END + timedelta(days=2, hours=3)

    assert due_attempt(END, UTC_ZONE, None, late) == late
    assert due_attempt(END, UTC_ZONE, late, late) is None


@pytest.mark.parametrize(
    ("after", "tried"), [(-MOMENT, False), (timedelta(0), True), (LATE, True)]
)
def test_the_last_attempt_is_carried_out_as_of_the_last_instant(
    after: timedelta, *, tried: bool
) -> None:
    last = END + GRACE
    found = due_attempt(END, UTC_ZONE, last - 24 * HOUR, last + after)

    assert found == (last if tried else None)
    assert due_attempt(END, UTC_ZONE, last - 24 * HOUR, last + LATE + MOMENT) is None


def said(end: datetime, zone: ZoneInfo = UTC_ZONE) -> list[tuple[str, str]]:
    return [
        (r.kind.value, f"{r.at.astimezone(zone):%m-%d %H:%M}")
        for r in reminders(end, zone)
    ]


def test_seven_reminders_then_six_arrears() -> None:
    assert said(END) == [
        *[("expiry", f"03-{day:02} 09:00") for day in range(8, 15)],
        ("arrears", "03-15 14:00"),
        *[("arrears", f"03-{day:02} 09:00") for day in range(16, 21)],
    ]


def test_an_end_before_nine_is_told_at_nine() -> None:
    assert said(END.replace(hour=6))[7] == ("arrears", "03-15 09:00")


def test_nine_is_nine_on_both_sides_of_a_change_of_clocks() -> None:
    end = datetime(2026, 3, 31, 12, tzinfo=UTC)  # clocks change on 29 March

    assert {at for _, at in said(end, BERLIN)[:7]} == {
        f"03-{day} 09:00" for day in range(24, 31)
    }


@pytest.mark.parametrize("zone", ["Asia/Singapore", "America/New_York"])
def test_the_dates_are_those_of_the_zone(zone: str) -> None:
    end = datetime(2026, 3, 15, 20, tzinfo=UTC)  # 16 March in Singapore
    day = 16 if zone == "Asia/Singapore" else 15

    found = list(reminders(end, ZoneInfo(zone)))

    assert found[7].day == date(2026, 3, day)
    assert found[0].day == date(2026, 3, day - 7)
    midnight = datetime(2026, 3, day - 6, tzinfo=ZoneInfo(zone))
    assert found[0].until == midnight
    assert due_reminder(end, ZoneInfo(zone), found[0].at) == found[0]
    assert due_reminder(end, ZoneInfo(zone), found[0].at - MOMENT) is None


@given(ANCHORS, ZONES)
def test_every_date_has_one_notice_of_its_own(end: datetime, zone: ZoneInfo) -> None:
    found = list(reminders(end, zone))

    assert [r.days for r in found] == list(range(7, -6, -1))
    assert len({r.day for r in found}) == 13
    for reminder in found:
        assert reminder.at < reminder.until
        assert reminder.at.astimezone(zone).date() == reminder.day
        if reminder.days > 0:
            assert reminder.at < end


@given(ANCHORS, ZONES, st.integers(-10 * 24 * 60, 8 * 24 * 60))
def test_what_is_owed_is_owed_on_its_own_day_only(
    end: datetime, zone: ZoneInfo, minutes: int
) -> None:
    now = end + timedelta(minutes=minutes)

    owed = due_reminder(end, zone, now)

    if owed:
        assert owed.at <= now < owed.until
        assert (owed.kind is Dated.ARREARS) == (owed.days <= 0)
        assert now < owed.at + timedelta(hours=26)


def test_a_missed_day_is_not_made_up() -> None:
    on_the_10th = datetime(2026, 3, 10, 23, 59, tzinfo=UTC)
    before_nine = datetime(2026, 3, 11, 8, 59, tzinfo=UTC)

    found = due_reminder(END, UTC_ZONE, on_the_10th)
    assert found
    assert found.days == 5
    assert due_reminder(END, UTC_ZONE, before_nine) is None


def test_an_end_just_before_midnight_can_still_be_told() -> None:
    end = datetime.combine(date(2026, 3, 15), time.max, tzinfo=UTC)

    found = due_reminder(end, UTC_ZONE, datetime(2026, 3, 16, 0, 0, 20, tzinfo=UTC))

    assert found
    assert found.day == date(2026, 3, 15)


@pytest.mark.parametrize(
    ("ends_at", "natural", "now", "grows"),
    [
        (END, END + HOUR, END + GRACE, True),
        (END, END + HOUR, END + GRACE + MOMENT, False),
        (END, END, END, False),
        (END - HOUR, END - HOUR, END, False),
    ],
)
def test_only_what_was_cut_can_grow_while_it_can_be_renewed(
    ends_at: datetime, natural: datetime, now: datetime, *, grows: bool
) -> None:
    assert can_grow(ends_at, natural, END, now) is grows
