"""Days and clock times of a zone, and how a notice says an instant."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from dateutil.tz import resolve_imaginary


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day of an instant in ``zone``."""
    return instant.astimezone(zone).date()


def instant_of(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the instant at which clocks in ``zone`` show ``clock`` on ``day``.

    A time that does not exist moves forward by the gap; one that exists twice takes
    the first (rules 3.2).

    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> instant_of(date(2026, 3, 29), time(2, 30), berlin).isoformat()
    '2026-03-29T01:30:00+00:00'
    """
    local = datetime.combine(day, clock, tzinfo=zone)
    return resolve_imaginary(local).astimezone(UTC)


def moment_words(instant: datetime, zone: ZoneInfo) -> str:
    """Say an instant in full, for messages that are read later.

    >>> moment_words(datetime(2027, 3, 15, 6, tzinfo=UTC), ZoneInfo("Asia/Singapore"))
    'Mon 15 Mar 2027, 14:00'
    """
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"
