"""Months from an anchor, in the account's zone (rules 3)."""

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary


class Span(NamedTuple):
    """One month, half-open; ``natural_end`` is where it would end uncut."""

    starts_at: datetime
    ends_at: datetime
    natural_end: datetime

    @property
    def is_short(self) -> bool:
        """Whether the end of Professional Edition cuts it."""
        return self.ends_at < self.natural_end


def boundary(anchor: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the instant at which the month ``months`` after ``anchor`` begins.

    The clock time in ``zone`` is kept. A month too short for the anchor's day ends on
    its own last day, and the day comes back with the next month that has it. A local
    time that does not exist moves forward by the gap; one that exists twice takes the
    first. ``boundary(anchor, 0)`` is the anchor itself.

    >>> from datetime import UTC
    >>> anchor = datetime(2025, 1, 31, 14, tzinfo=UTC)
    >>> [boundary(anchor, n, ZoneInfo("UTC")).day for n in range(4)]
    [31, 28, 31, 30]
    """
    if months == 0:
        return anchor.astimezone(UTC)
    local = anchor.astimezone(zone).replace(tzinfo=None, fold=0)
    moved = (local + relativedelta(months=months)).replace(tzinfo=zone)
    return resolve_imaginary(moved).astimezone(UTC)


def windows(anchor: datetime, end: datetime, zone: ZoneInfo) -> list[Span]:
    """Return the months of a pack bought at ``anchor`` until ``end`` (rules 4.2): every
    month that begins before the end, the last one cut at it.

    >>> utc = ZoneInfo("UTC")
    >>> anchor, end = datetime(2025, 1, 31, tzinfo=utc), datetime(2025, 3, 10, tzinfo=utc)
    >>> [(span.ends_at.day, span.is_short) for span in windows(anchor, end, utc)]
    [(28, False), (10, True)]
    """
    spans: list[Span] = []
    starts_at = boundary(anchor, 0, zone)
    while starts_at < end:
        natural_end = boundary(anchor, len(spans) + 1, zone)
        ends_at = min(natural_end, end.astimezone(UTC))
        spans.append(Span(starts_at, ends_at, natural_end))
        starts_at = natural_end
    return spans
