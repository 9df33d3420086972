"""*Usage and ledger*: what a month was used for, day by day and line by line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse

from accounts.models import Account
from quota.models import LedgerBatch, LedgerEntry, UsageBin
from quota.pages.charts import Chart, Day, chart
from quota.pages.header import OpenWindow
from quota.pages.keyset import newest
from quota.pages.ledger_filter import (
    Asked,
    Sought,
    batches,
    day_words,
    sought,
)
from quota.pages.ledger_filter import entries as entries_of
from quota.pages.ledger_rows import LedgerRow, batch_rows, entry_rows
from quota.pages.months import Month, begun_months, chosen_months
from quota.pages.split_scans import SplitScan, split_scans
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

Kind = LedgerEntry.Kind
COUNTED_TO = 1_000
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Totals:
    """A month, or the open ones, added up."""

    title: str
    granted: str
    granted_note: str
    firsts: str
    firsts_note: str
    repeats: str
    repeats_note: str
    held: str
    left_label: str
    left: str
    left_note: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    """The totals and chart of a month, and one page of lines."""

    totals: Totals | None
    chart: Chart | None
    months: Sequence[tuple[str, str]]
    rows: Sequence[LedgerRow]
    count: str
    sought: Sought
    as_images_query: str
    next_url: str
    is_later: bool
    query: str
    asked: Asked
    day_words: str


def usage_page(account: Account, asked: Asked, cursor: str, now: datetime) -> UsagePage:
    """The totals, the days and a page of lines, in a number of queries that does not
    grow. Refuses a place in the list that was not given out for it (UnknownCursor)."""
    clock = Clock(account, now)
    months = begun_months(account, now)
    chosen, is_one = chosen_months(months, asked.month, now)
    found = sought(account, asked)
    rows, after, count = _lines(account, asked, found, cursor, clock)
    query, url = asked.query(), reverse("quota:usage", args=[account.slug])
    windows = [month.window for month in chosen]
    splits = [] if is_one else split_scans(account, windows)
    of = {"window": chosen[0].pk} if is_one else {}
    days = usage_days(account, windows, splits, clock, of)
    return UsagePage(
        totals=_totals(account, chosen, clock, splits) if chosen else None,
        chart=chart(days, more_query=_month_query(asked)) if days else None,
        months=[(str(month.pk), month.words(clock)) for month in months],
        rows=rows,
        count=count,
        sought=found,
        as_images_query=urlencode({**query, "of": "images"}),
        next_url=f"{url}?{urlencode({**query, 'after': after})}" if after else "",
        is_later=bool(cursor),
        query=urlencode(query),
        asked=asked,
        day_words=day_words(asked, clock),
    )


def _month_query(asked: Asked) -> str:
    return f"&month={asked.month}" if asked.month else ""


def _lines(
    account: Account, asked: Asked, found: Sought, cursor: str, clock: Clock
) -> tuple[Sequence[LedgerRow], str, str]:
    """A page of lines, the place of the next, and how many entries there are."""
    if found.digests is not None:
        rows = entries_of(account, asked, found, clock)
        total = rows.count()
        part = newest(rows, by="id", account=account, cursor=cursor)
        lines = list(entry_rows(account, part.rows, clock))
        return lines, part.after, plural(total, "entry", "entries")
    every = batches(account, asked, found.where, clock)
    slice_ = newest(every, by="first_entry", account=account, cursor=cursor)
    lines = list(batch_rows(account, slice_.rows, clock))
    if not cursor and not slice_.after:
        total = sum(batch.entries for batch in slice_.rows)
        return lines, slice_.after, plural(total, "entry", "entries")
    return lines, slice_.after, _capped(every)


def _capped(every: QuerySet[LedgerBatch]) -> str:
    """How many entries these batches have; "more than" beyond the latest thousand."""
    latest = every.order_by("-first_entry").values("entries")[: COUNTED_TO + 1]
    counts = [row["entries"] for row in latest]
    total = sum(counts[:COUNTED_TO])
    mark = "+" if len(counts) > COUNTED_TO else ""
    return f"{total:,}{mark} entries"


def _end(window: OpenWindow) -> datetime:
    return window.ends_at


def usage_days(
    account: Account,
    windows: Sequence[OpenWindow],
    splits: Sequence[SplitScan],
    clock: Clock,
    of: dict[str, Any] | None = None,
) -> Sequence[Day]:
    """Every local day from the first window's beginning to the first reset, with what
    the account used on it, or only what is ``of`` one window. A scan that ended after
    the reset adds its day; one of ``splits`` counts once."""
    if not windows:
        return []
    starts = min(window.starts_at for window in windows).astimezone(clock.zone)
    ends = min(window.ends_at for window in windows).astimezone(clock.zone)
    begin = starts.replace(hour=0, minute=0, second=0, microsecond=0)
    bounds = of or {"starts_at__lt": ends}
    bins = UsageBin.objects.filter(
        account=account, kind=Kind.SETTLE, starts_at__gte=begin, **bounds
    ).annotate(date=TruncDate("starts_at", tzinfo=clock.zone))
    sums = bins.order_by().values_list("date", "reason")
    rest: Counter[tuple[date, str]] = Counter()
    for scan in splits:
        day = scan.at.astimezone(clock.zone).date()
        rest[day, scan.reason] += scan.rest(scan.windows)
    used: dict[tuple[date, str], tuple[int, int]] = {
        (day, reason): (int(tenths), entries - rest[day, reason])
        for day, reason, tenths, entries in sums.annotate(Sum("tenths"), Sum("entries"))
    }
    last = max([ends.date() - DAY, *(day for day, _ in used)])
    days: list[Day] = []
    day = begin.date()
    while day <= last or not days:
        first, repeat = (used.get((day, kind), (0, 0)) for kind in ("first", "repeat"))
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=clock.zone)
        days.append(
            Day(
                date=day.isoformat(),
                words=clock.day(noon),
                short=clock.date(noon),
                number=day.day,
                firsts=first[1],
                repeats=repeat[1],
                first_tenths=first[0],
                repeat_tenths=repeat[0],
                is_past=day <= clock.now.date(),
            )
        )
        day += DAY
    return days


def _scans(tenths: int, entries: int) -> str:
    """``2 scans × 1``; without what each is worth where they differ, or where a part of
    one is another month's."""
    scans = plural(entries, "scan")
    if not entries or tenths % entries:
        return scans
    return f"{scans} × {format_quota(tenths // entries)}"


def _totals(
    account: Account,
    months: Sequence[Month],
    clock: Clock,
    splits: Sequence[SplitScan],
) -> Totals:
    chosen = [month.pk for month in months]
    bins = UsageBin.objects.filter(account=account, kind=Kind.SETTLE, window__in=chosen)
    sums = bins.order_by().values_list("reason").annotate(Sum("tenths"), Sum("entries"))
    rest: Counter[str] = Counter()
    for scan in splits:
        rest[scan.reason] += scan.rest(chosen)
    used = {
        reason: (int(tenths), entries - rest[reason])
        for reason, tenths, entries in sums
    }
    firsts, repeats = used.get("first", (0, 0)), used.get("repeat", (0, 0))
    windows = [month.window for month in months]
    first = min(windows, key=_end)
    ends, over = first.ends_at, first.ends_at <= clock.now
    left = sum(month.lapsed for month in months) if over else 0
    return Totals(
        title=months[0].words(clock) if len(months) == 1 else "Open months",
        granted=format_quota(sum(w.granted - w.revoked for w in windows)),
        granted_note=clock.moment(first.starts_at),
        firsts=format_quota(firsts[0]),
        firsts_note=_scans(*firsts),
        repeats=format_quota(repeats[0]),
        repeats_note=_scans(*repeats),
        held=format_quota(sum(window.held for window in windows)),
        left_label="Unused" if over else "Left",
        left=format_quota(left + sum(window.free for window in windows)),
        left_note=f"{'Reset' if over else 'Resets'} {clock.moment(ends)}",
    )
