"""When the dated notices of a term are owed (rules 7)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from quota.rules.dates import instant_of, local_date

NINE = time(9)
A_DAY = timedelta(days=1)
DAYS_BEFORE = 7
DAYS_AFTER = 5
# What is owed late in an evening can still be said an hour later.
AT_LEAST = timedelta(hours=1)


class Dated(StrEnum):
    """The two kinds that count dates."""

    EXPIRY = "expiry"
    ARREARS = "arrears"


class Reminder(NamedTuple):
    """One notice of one date: owed from ``at`` and, being dated, not after ``until``:
    a missed day is not made up. ``days`` is how many days the expiry date is ahead."""

    kind: Dated
    day: date
    days: int
    at: datetime
    until: datetime


def reminders(ends_at: datetime, zone: ZoneInfo) -> Iterator[Reminder]:
    """Yield what a term that ends at ``ends_at`` owes: an expiry reminder at 09:00 on
    each of the seven dates before the expiry date; then, unless it was renewed, arrears
    on the expiry date at 09:00 or the end, whichever is later, and at 09:00 on each of
    the five dates after it.

    >>> from datetime import UTC
    >>> end = datetime(2026, 3, 15, 14, tzinfo=UTC)
    >>> [f"{r.kind.value} {r.at:%d %H}" for r in reminders(end, ZoneInfo("UTC"))][5:9]
    ['expiry 13 09', 'expiry 14 09', 'arrears 15 14', 'arrears 16 09']
    """
    expiry = local_date(ends_at, zone)
    for ahead in range(DAYS_BEFORE, -DAYS_AFTER - 1, -1):
        day = expiry - ahead * A_DAY
        nine = instant_of(day, NINE, zone)
        at = max(nine, ends_at) if ahead == 0 else nine
        midnight = instant_of(day + A_DAY, time.min, zone)
        kind = Dated.EXPIRY if ahead > 0 else Dated.ARREARS
        yield Reminder(kind, day, ahead, at, max(midnight, at + AT_LEAST))


def due_reminder(ends_at: datetime, zone: ZoneInfo, now: datetime) -> Reminder | None:
    """Return the notice that is owed at ``now``, None when there is none."""
    owed = (r for r in reminders(ends_at, zone) if r.at <= now < r.until)
    return next(owed, None)
