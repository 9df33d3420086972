"""When scheduled scans run, and what they will have cost by the reset (rules 5.12)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from quota.rules.dates import instant_of, local_date

CYCLES = (1, 7, 15, 30)


class Timing(NamedTuple):
    """How often and when, by the clocks of ``zone``."""

    cycle_days: int
    start: time
    stop_by: time | None
    zone: ZoneInfo


def check_times(start: time, stop_by: time | None) -> None:
    """Refuse (ValueError) a stop-by at the start: it could mean no run or a whole day.

    >>> check_times(time(2), time(1))
    >>> check_times(time(2), time(2))
    Traceback (most recent call last):
    ValueError: Stop by must differ from Start at.
    """
    if start == stop_by:
        raise ValueError("Stop by must differ from Start at.")


def first_after(now: datetime, clock: time, zone: ZoneInfo) -> datetime:
    """The next instant after ``now`` at which the clock shows this time. On a night
    that changes the clocks there is one, as ``instant_of`` says.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 27, 2, tzinfo=UTC)
    >>> first_after(now, time(2), ZoneInfo("UTC")).isoformat()
    '2026-11-28T02:00:00+00:00'
    """
    day = local_date(now, zone)
    while (found := instant_of(day, clock, zone)) <= now:
        day += timedelta(days=1)
    return found


def following(due: datetime, timing: Timing) -> datetime:
    """The run after the one due at ``due``: counted from the time it was scheduled for,
    whenever it really began.

    >>> from datetime import UTC
    >>> timing = Timing(7, time(2), None, ZoneInfo("UTC"))
    >>> following(datetime(2026, 11, 27, 2, tzinfo=UTC), timing).isoformat()
    '2026-12-04T02:00:00+00:00'
    """
    day = local_date(due, timing.zone) + timedelta(days=timing.cycle_days)
    return instant_of(day, timing.start, timing.zone)


def latest_due(due: datetime, timing: Timing, now: datetime) -> datetime:
    """The last run due by ``now``, the next one being due at ``due``: after an outage
    the one that is made up; earlier ones are passed over.

    >>> from datetime import UTC
    >>> timing = Timing(1, time(2), None, ZoneInfo("UTC"))
    >>> due = datetime(2026, 11, 24, 2, tzinfo=UTC)
    >>> latest_due(due, timing, datetime(2026, 11, 27, 1, tzinfo=UTC)).day
    26
    """
    first = local_date(due, timing.zone)
    passed = (local_date(now, timing.zone) - first).days // timing.cycle_days
    for cycles in (passed, passed - 1):
        day = first + timedelta(days=cycles * timing.cycle_days)
        found = instant_of(day, timing.start, timing.zone)
        if cycles > 0 and due < found <= now:
            return found
    return due


def due_after_saving(
    due: datetime | None, before: Timing, timing: Timing, now: datetime
) -> datetime:
    """When a schedule that ran by ``before`` and was next due at ``due`` runs as saved
    by ``timing``. What is due stays due while cycle and start stay, also when its time
    has passed: then it is made up.

    >>> from datetime import UTC
    >>> timing = Timing(7, time(2), None, ZoneInfo("UTC"))
    >>> due, now = (datetime(2026, 11, day, 2, tzinfo=UTC) for day in (24, 27))
    >>> due_after_saving(due, timing, timing, now).day
    24
    >>> due_after_saving(due, timing, timing._replace(cycle_days=1), now).day
    28
    """
    same = (timing.cycle_days, timing.start) == (before.cycle_days, before.start)
    if due and same:
        return latest_due(due, timing, now)
    return first_after(now, timing.start, timing.zone)


def stop_of(due: datetime, timing: Timing, now: datetime) -> datetime | None:
    """Until when the run due at ``due`` may begin images; None without a stop-by.

    A stop-by at or before the start means the next day. A run made up after its own
    stop-by has as long as it would have had, counted from ``now``, when it starts. A
    night that skips the hour between the two gives the run as long as any other night.

    >>> from datetime import UTC
    >>> timing = Timing(1, time(22), time(5), ZoneInfo("UTC"))
    >>> due = datetime(2026, 11, 27, 22, tzinfo=UTC)
    >>> stop_of(due, timing, due).isoformat()
    '2026-11-28T05:00:00+00:00'
    >>> stop_of(due, timing, datetime(2026, 11, 28, 9, tzinfo=UTC)).isoformat()
    '2026-11-28T16:00:00+00:00'
    """
    if timing.stop_by is None:
        return None
    day = local_date(due, timing.zone)
    if timing.stop_by < timing.start:
        day += timedelta(days=1)
    stop = instant_of(day, timing.stop_by, timing.zone)
    if stop <= due:
        stop = due + _clock_difference(timing.start, timing.stop_by)
    return stop if stop > now else now + (stop - due)


def _clock_difference(start: time, stop_by: time) -> timedelta:
    a_day = date(2000, 1, 1)
    return datetime.combine(a_day, stop_by) - datetime.combine(a_day, start)


def runs_until(due: datetime, timing: Timing, end: datetime) -> list[datetime]:
    """Every run from the one due at ``due`` to before ``end``.

    >>> from datetime import UTC
    >>> timing = Timing(15, time(2), None, ZoneInfo("UTC"))
    >>> due = datetime(2026, 11, 1, 2, tzinfo=UTC)
    >>> [d.day for d in runs_until(due, timing, datetime(2026, 12, 1, 2, tzinfo=UTC))]
    [1, 16]
    """
    runs: list[datetime] = []
    while due < end:
        runs.append(due)
        due = following(due, timing)
    return runs


class Outlook(NamedTuple):
    """What the runs until the reset cost. ``unfit_at`` is the first one that no longer
    fits into what is left now."""

    runs: int
    first_tenths: int
    later_tenths: int
    total_tenths: int
    left_tenths: int
    unfit_at: datetime | None

    @property
    def short_tenths(self) -> int:
        """How much they cost beyond what is left; 0 when all fit."""
        return max(0, self.total_tenths - self.left_tenths)


def outlook(
    runs: Sequence[datetime],
    *,
    first_tenths: int,
    later_tenths: int,
    left_tenths: int,
    rest: timedelta = timedelta(),
) -> Outlook:
    """Add up what these runs cost: the first one, then repeats of the same images.

    An image scanned less than ``rest`` ago is not scanned again, so a run that comes
    sooner costs nothing.

    >>> from datetime import UTC
    >>> days = [datetime(2026, 11, day, 2, tzinfo=UTC) for day in range(1, 5)]
    >>> seen = outlook(days, first_tenths=40, later_tenths=4, left_tenths=50)
    >>> seen.total_tenths, seen.short_tenths, seen.unfit_at.day
    (52, 2, 4)
    """
    total, unfit_at, scanned_at = 0, None, None
    for run in runs:
        if scanned_at is not None and run - scanned_at < rest:
            continue
        total += first_tenths if scanned_at is None else later_tenths
        scanned_at = run
        if total > left_tenths and unfit_at is None:
            unfit_at = run
    return Outlook(len(runs), first_tenths, later_tenths, total, left_tenths, unfit_at)
