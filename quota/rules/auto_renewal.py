"""When auto-renewal tries (rules 6)."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from quota.rules.dates import instant_of, local_date
from quota.rules.lifecycle import GRACE

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
# How late a worker may come to the last attempt, which is due in the last instant of
# renewal, and still carry it out as of that instant.
LATE = timedelta(minutes=5)


def attempts(ends_at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield every instant at which a term that ends at ``ends_at`` is tried: first at
    the earlier of 00:00 of its expiry date and an hour before it, then hourly, at the
    end, and 24 hours apart until renewal closes.

    >>> from datetime import UTC
    >>> end = datetime(2026, 3, 15, 2, 30, tzinfo=UTC)
    >>> [f"{at:%d %H:%M}" for at in attempts(end, ZoneInfo("UTC"))][:5]
    ['15 00:00', '15 01:00', '15 02:00', '15 02:30', '16 02:30']
    """
    midnight = instant_of(local_date(ends_at, zone), time.min, zone)
    at = min(midnight, ends_at - HOUR)
    while at < ends_at:
        yield at
        at += HOUR
    for days in range(GRACE // DAY + 1):
        yield ends_at + days * DAY


def next_attempt(ends_at: datetime, zone: ZoneInfo, after: datetime) -> datetime | None:
    """Return the first attempt later than ``after``, None when there is none."""
    return next((at for at in attempts(ends_at, zone) if at > after), None)


def due_attempt(
    ends_at: datetime, zone: ZoneInfo, since: datetime | None, now: datetime
) -> datetime | None:
    """Return the instant as of which to try at ``now``: the present, when an attempt
    came due after ``since`` and until now; None otherwise. Attempts that were missed
    come to one.

    The last attempt is due in the last instant of renewal; a worker that comes to it
    within five minutes carries it out as of that instant.
    """
    passed = [at for at in attempts(ends_at, zone) if at <= now]
    if not passed or (since and passed[-1] <= since):
        return None
    last = ends_at + GRACE
    return min(now, last) if now - last <= LATE else None
