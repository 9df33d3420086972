"""Whether the quota that is left lasts to the reset, and if not, how much is missing.

Scheduled runs are certain: each takes its quota at its own instant. Everything else
is a rate, measured over the last days. Amounts are exact fractions of a tenth until
they are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor

MEASURED = timedelta(days=7)
EARLIEST = timedelta(hours=48)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """A scheduled run to come, and the quota it takes."""

    at: datetime
    tenths: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What follows from the pace of the last days.

    ``runs_out_at`` is None where quota lasts to the reset; then ``spare_tenths`` says
    how much is left over, otherwise ``short_tenths`` how much is missing.
    """

    daily_tenths: int
    runs_out_at: datetime | None
    short_tenths: int
    spare_tenths: int


def measured_from(began: datetime, now: datetime) -> datetime:
    """The instant from which the pace is measured: seven days ago, or the beginning."""
    return max(began, now - MEASURED)


def forecast(
    *,
    left_tenths: int,
    spent_tenths: int,
    since: datetime,
    now: datetime,
    resets_at: datetime,
    runs: Sequence[Run] = (),
) -> Forecast | None:
    """Look ahead to the reset; None where less than 48 hours were measured.

    ``spent_tenths`` is what was used and held since ``since`` outside of schedules.

    >>> from datetime import UTC
    >>> day = datetime(2026, 11, 20, tzinfo=UTC)
    >>> found = forecast(left_tenths=100, spent_tenths=70, since=day - 7 * DAY,
    ...                  now=day, resets_at=day + 20 * DAY)
    >>> found.runs_out_at.day, found.short_tenths
    (30, 100)
    """
    if now - since < EARLIEST:
        return None
    rate = Fraction(spent_tenths, (now - since) // TICK)
    ahead = sorted((run for run in runs if now <= run.at < resets_at), key=_instant)
    scheduled = sum(run.tenths for run in ahead)
    demand = rate * ((resets_at - now) // TICK) + scheduled
    missing = demand - left_tenths
    return Forecast(
        daily_tenths=floor((rate * (DAY // TICK)) + Fraction(1, 2)),
        runs_out_at=(
            _run_out(left_tenths, rate, now, ahead, resets_at) if missing > 0 else None
        ),
        short_tenths=max(0, ceil(missing)),
        spare_tenths=max(0, floor(-missing)),
    )


def _instant(run: Run) -> datetime:
    return run.at


def _run_out(
    left: int, rate: Fraction, now: datetime, runs: Sequence[Run], resets_at: datetime
) -> datetime:
    """The first instant at which more is wanted than is left."""
    remaining, at = Fraction(left), now
    for run in (*runs, Run(resets_at, 0)):
        used = rate * ((run.at - at) // TICK)
        if used > remaining:
            break
        remaining, at = remaining - used - run.tenths, run.at
        if remaining < 0:
            return at
    return at + floor(remaining / rate) * TICK


def purchase_to_cover(short_tenths: int, step: int) -> int:
    """The smallest multiple of the step, in whole quota, that covers what is missing.

    >>> purchase_to_cover(2_760, 300), purchase_to_cover(3_001, 300)
    (300, 600)
    """
    return -(-short_tenths // (step * 10)) * step
