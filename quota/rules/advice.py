"""How much more quota covers a term, and what quota that is left over could do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from quota.rules.calendar import Span
from quota.rules.forecast import TICK, Run
from quota.rules.units import TENTHS


class Stock(NamedTuple):
    """A month of a purchase, and what it can still give in it."""

    starts_at: datetime
    ends_at: datetime
    tenths: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What is wanted: a rate measured over some time, and the runs of schedules."""

    now: datetime
    spent_tenths: int
    measured: timedelta
    runs: Sequence[Run] = ()

    def until(self, at: datetime) -> int:
        """All that is wanted from now until then, in whole tenths, rounded up."""
        rate = Fraction(self.spent_tenths, self.measured // TICK)
        scheduled = sum(run.tenths for run in self.runs if self.now <= run.at < at)
        return ceil(rate * ((at - self.now) // TICK)) + scheduled


def shortage(stocks: Sequence[Stock], demand: Demand, until: datetime) -> int:
    """How many tenths are missing until then. Each stretch draws from what is open in
    it, from what ends first (rules 5.8); what a month does not use is lost.

    >>> from datetime import UTC
    >>> day, now = timedelta(days=1), datetime(2026, 11, 1, tzinfo=UTC)
    >>> months = [Stock(now, now + 30 * day, 300), Stock(now + 30 * day,
    ...           now + 60 * day, 300)]
    >>> shortage(months, Demand(now, 70, 7 * day), now + 60 * day)
    0
    >>> shortage(months, Demand(now, 77, 7 * day), now + 60 * day)
    60
    """
    edges = {edge for stock in stocks for edge in (stock.starts_at, stock.ends_at)}
    inner = sorted(edge for edge in edges if demand.now < edge < until)
    left = {stock: stock.tenths for stock in sorted(stocks, key=_end)}
    begin, wanted_so_far, missing = demand.now, 0, 0
    for end in (*inner, until):
        wanted = demand.until(end) - wanted_so_far
        wanted_so_far += wanted
        for stock, tenths in left.items():
            if stock.starts_at <= begin and end <= stock.ends_at:
                left[stock] -= min(wanted, tenths)
                wanted -= min(wanted, tenths)
        missing += wanted
        begin = end
    return missing


def _end(stock: Stock) -> datetime:
    return stock.ends_at


def smallest_purchase(
    stocks: Sequence[Stock],
    months: Sequence[Span],
    demand: Demand,
    *,
    step: int,
    most: int,
) -> int:
    """The smallest multiple of ``step``, in whole quota a month, with which nothing is
    missing in any of ``months``; 0 where nothing is, ``most`` where that is too little.
    """
    if not months:
        return 0
    until = months[-1].ends_at
    low, high = 0, most // step
    while low < high:
        middle = (low + high) // 2
        more = [
            Stock(month.starts_at, month.ends_at, middle * step * TENTHS)
            for month in months
        ]
        if shortage([*stocks, *more], demand, until):
            low = middle + 1
        else:
            high = middle
    return low * step


class Use(NamedTuple):
    """What quota could scan: images never scanned, and old results again."""

    firsts: int
    repeats: int


def use_of(
    spare_tenths: int,
    *,
    firsts: int,
    repeats: int,
    first_tenths: int,
    repeat_tenths: int,
) -> Use:
    """What quota that would lapse could still scan: what was never scanned leads.

    >>> use_of(25, firsts=4, repeats=9, first_tenths=10, repeat_tenths=1)
    Use(firsts=2, repeats=5)
    """
    first = min(firsts, spare_tenths // first_tenths)
    rest = spare_tenths - first * first_tenths
    return Use(first, min(repeats, rest // repeat_tenths))
