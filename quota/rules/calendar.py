"""Months from an anchor, in the account's zone (rules 3)."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary


class Span(NamedTuple):
    """One month, half-open. It ``is_short`` when the end of Professional Edition cuts
    it; ``natural_end`` is where it would end uncut."""

    starts_at: datetime
    ends_at: datetime
    is_short: bool
    natural_end: datetime


def boundary(anchor: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the instant at which the month ``months`` after ``anchor`` begins.

    The clock time in ``zone`` is kept. A month too short for the anchor's day ends on
    its own last day, and the day comes back with the next month that has it. A local
    time that does not exist moves forward by the gap; one that exists twice takes the
    first. ``boundary(anchor, 0)`` is the anchor itself.

    >>> anchor = datetime(2025, 1, 31, 14, tzinfo=UTC)
    >>> [boundary(anchor, n, ZoneInfo("UTC")).day for n in range(4)]
    [31, 28, 31, 30]
    """
    if months == 0:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(zone).replace(tzinfo=None)
    moved = (local + relativedelta(months=months)).replace(tzinfo=zone)
    return resolve_imaginary(moved).astimezone(UTC)


def windows(
    anchor: datetime, end: datetime, zone: ZoneInfo, first: int = 0
) -> list[Span]:
    """Return the months of a pack bought at ``anchor`` until ``end`` (rules 4.2): every
    month that begins before the end, the last one cut at it.

    Counting begins with month number ``first``; a renewal passes the first one that is
    not written yet. Nothing begins before the end: an empty list.

    >>> anchor = datetime(2025, 1, 31, tzinfo=UTC)
    >>> end = datetime(2025, 3, 10, tzinfo=UTC)
    >>> [(s.ends_at.day, s.is_short) for s in windows(anchor, end, ZoneInfo("UTC"))]
    [(28, False), (10, True)]
    """
    end = end.astimezone(UTC)
    spans: list[Span] = []
    starts_at = boundary(anchor, first, zone)
    while starts_at < end:
        natural_end = boundary(anchor, first + len(spans) + 1, zone)
        is_short = end < natural_end
        spans.append(Span(starts_at, min(natural_end, end), is_short, natural_end))
        starts_at = natural_end
    return spans


def reaching_from(end: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the instant from which on every anchor's month number ``months`` begins at
    ``end`` or later, so that a pack bought then is not charged for it.

    Counting back from the end is not enough: 28 to 31 January all reach 28 February,
    and none of them reaches 1 March.

    >>> end = datetime(2025, 2, 28, 14, tzinfo=UTC)
    >>> reaching_from(end, 1, ZoneInfo("UTC")).isoformat()
    '2025-01-31T14:00:00+00:00'
    """
    local = end.astimezone(zone)
    ahead, a_day = relativedelta(months=months), timedelta(days=1)
    day = local.date() - ahead
    while day + a_day + ahead <= local.date():
        day += a_day
    if day + ahead < local.date():
        return _last(day + a_day, time.min, zone)
    return _last(day, local.time(), zone)


def _last(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The later of the instants a clock shows this time, once moved out of a gap."""
    local = datetime.combine(day, clock, tzinfo=zone)
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
