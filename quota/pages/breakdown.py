"""What a month was used for: by source, name, schedule or hand, and person."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.urls import reverse

from accounts.models import Account
from accounts.spreadsheets import safe
from quota.models import Kind, LedgerBatch, LedgerEntry, NameUsage
from quota.pages.ledger_rows import names_of
from quota.pages.months import begun_months, chosen_months
from quota.pages.rail import percent
from quota.pages.split_scans import (
    SplitScan,
    called_in,
    sources_of,
    split_scans,
)
from quota.pages.words import Clock
from quota.rules.units import format_quota_column

SHOWN = 100
REASONS = ("first", "repeat")
DELETED = "Deleted with an ended subscription"
SOURCES = {
    Kind.LOCAL.value: "Local images",
    Kind.REPOSITORY.value: "Repository images",
}
WAYS: Mapping[str, str] = {
    "source": "Source",
    "name": "Repository or name",
    "start": "Schedule or hand",
    "person": "Person",
}
CSV_HEADER = (
    "Month", "By", "What", "Source", "First scans", "Quota of first scans",
    "Repeat scans", "Quota of repeat scans", "Quota",
)  # fmt: skip


@dataclass(slots=True)
class Share:
    """What one source, name or person took, in tenths and scans."""

    what: str
    source: str = ""
    tenths: dict[str, int] = field(default_factory=dict)
    scans: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, tenths: int, scans: int) -> None:
        """Count more first or repeat scans in."""
        self.tenths[reason] = self.tenths.get(reason, 0) + tenths
        self.scans[reason] = self.scans.get(reason, 0) + scans

    @property
    def total(self) -> int:
        """All of it, in tenths."""
        return sum(self.tenths.values())


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A share as a table shows it. Widths are percents of the largest."""

    what: str
    source: str
    firsts: str
    repeats: str
    used: str
    part: str
    first_width: str
    repeat_width: str
    repeat_x: str


@dataclass(frozen=True, slots=True)
class BreakdownPage:
    """The shares of a month one way, the largest leading, and the other ways."""

    title: str
    months: Sequence[tuple[str, str]]
    month: str
    by: str
    ways: Sequence[tuple[str, str]]
    rows: Sequence[ShareRow]
    more: str
    total: ShareRow | None
    sentence: str
    csv_url: str


def breakdown_page(
    account: Account, month: str, by: str, now: datetime
) -> BreakdownPage:
    """Who or what took the quota of a month, or of the open ones."""
    clock, months = Clock(account, now), begun_months(account, now)
    chosen, is_one = chosen_months(months, month, now)
    windows = [each.pk for each in chosen]
    splits = [] if is_one else split_scans(account, [each.window for each in chosen])
    shares = shares_of(account, windows, by, splits, SHOWN)
    total = Share("Together")
    for reason, tenths, scans in _summed(_settled(account, windows), "reason"):
        total.add(reason, int(tenths), scans)
    for scan in splits:
        total.add(scan.reason, 0, -scan.rest(windows))
    most = shares[0].total if shares else 0
    rest = _names(account, windows) - SHOWN if by == "name" else 0
    csv = reverse("quota:breakdown-csv", args=[account.slug])
    return BreakdownPage(
        title=chosen[0].words(clock) if is_one else "Open months",
        months=[(str(each.pk), each.words(clock)) for each in months],
        month=month if is_one else "",
        by=by,
        ways=list(WAYS.items()),
        rows=[_row(share, most, total.total) for share in shares],
        more=f"The {SHOWN} largest. {rest:,} more are in the CSV." if rest > 0 else "",
        total=_row(total, total.total, total.total) if shares else None,
        sentence=_sentence(shares, total.total),
        csv_url=f"{csv}?by={by}" + (f"&month={month}" if is_one else ""),
    )


def breakdown_csv(
    account: Account, month: str, by: str, now: datetime
) -> Iterator[Sequence[str]]:
    """The same, all of it, as lines of a spreadsheet."""
    clock, months = Clock(account, now), begun_months(account, now)
    chosen, is_one = chosen_months(months, month, now)
    title = chosen[0].words(clock) if is_one else "Open months"
    splits = [] if is_one else split_scans(account, [each.window for each in chosen])
    for share in shares_of(account, [each.pk for each in chosen], by, splits):
        figures = [
            figure
            for reason in REASONS
            for figure in (
                str(share.scans.get(reason, 0)),
                _plain(share.tenths.get(reason, 0)),
            )
        ]
        what, source = safe(share.what), share.source
        yield (title, WAYS[by], what, source, *figures, _plain(share.total))


def shares_of(
    account: Account,
    windows: Sequence[int],
    by: str,
    splits: Sequence[SplitScan] = (),
    most: int | None = None,
) -> list[Share]:
    """The shares, the largest leading, at most so many names; without a limit they are
    together what the windows were used for. At most three queries, over roll-ups, and
    two more for the few ``splits``, which count once."""
    if by == "name":
        found = _by_name(account, windows, splits, most)
    else:
        column = "source" if by == "source" else "by"
        rows = _summed(_settled(account, windows), column, "reason")
        rest = _rest(account, windows, splits, column)
        found = _gathered([*rows, *rest], _words(account, by))
    return sorted(found, key=lambda share: (-share.total, share.what))


def _settled(account: Account, windows: Sequence[int]) -> QuerySet[LedgerBatch]:
    return LedgerBatch.objects.filter(
        account=account, window__in=windows, kind=LedgerEntry.Kind.SETTLE
    )


def _summed(
    rows: QuerySet[LedgerBatch] | QuerySet[NameUsage], *columns: str
) -> Iterable[tuple[Any, ...]]:
    scans = "scans" if rows.model is NameUsage else "entries"
    summed = rows.order_by().values_list(*columns)
    return [tuple(row) for row in summed.annotate(Sum("tenths"), Sum(scans))]


def _rest(
    account: Account,
    windows: Sequence[int],
    splits: Sequence[SplitScan],
    column: str,
) -> Iterator[tuple[Any, ...]]:
    """What entries count too much where a scan is split, as rows to add."""
    sources = sources_of(account, splits) if column == "source" else {}
    for scan in splits:
        key = sources.get(scan.task, "") if column == "source" else scan.by
        yield key, scan.reason, 0, -scan.rest(windows)


def _words(account: Account, by: str) -> Callable[[Any], str]:
    """How the value of a batch's column is said."""
    if by == "source":
        return lambda source: SOURCES.get(source, DELETED)
    if by == "start":
        return lambda person: "By schedule" if person is None else "By hand"
    people: dict[int, str] = {}

    def person_words(person: int | None) -> str:
        if person is None:
            return "Schedule"
        if person not in people:
            people.update(names_of([person]))
        return people[person]

    return person_words


def _gathered(
    rows: Iterable[tuple[Any, ...]], words: Callable[[Any], str]
) -> list[Share]:
    found: dict[str, Share] = {}
    for key, reason, tenths, scans in rows:
        what = words(key)
        found.setdefault(what, Share(what)).add(reason, int(tenths), scans)
    return list(found.values())


def _by_name(
    account: Account,
    windows: Sequence[int],
    splits: Sequence[SplitScan],
    most: int | None,
) -> list[Share]:
    names = NameUsage.objects.filter(account=account, window__in=windows)
    sums = {
        f"{reason}_{column}": Sum(column, filter=Q(reason=reason), default=0)
        for reason in REASONS
        for column in ("tenths", "scans")
    }
    grouped = names.order_by().values("source", "name")
    largest = grouped.annotate(all=Sum("tenths"), **sums).order_by("-all", "name")
    found: dict[tuple[str, str], Share] = {}
    for source, name, *figures in largest.values_list("source", "name", *sums)[:most]:
        share = Share(name or "Without a name", SOURCES.get(source, ""))
        for reason, tenths, scans in zip(
            REASONS, figures[::2], figures[1::2], strict=True
        ):
            share.add(reason, int(tenths), scans)
        found[source, name] = share
    gone = Share(DELETED)
    for reason, tenths, scans in _summed(_settled(account, windows), "reason"):
        gone.add(reason, int(tenths), scans)
    for reason, tenths, scans in _summed(names, "reason"):
        gone.add(reason, -int(tenths), -scans)
    called = called_in(account, splits)
    for scan in splits:
        counted = found.get(called[scan]) if scan in called else gone
        if counted:
            counted.add(scan.reason, 0, -scan.rest(windows))
    return [*found.values(), *([gone] if gone.total else [])]


def _names(account: Account, windows: Sequence[int]) -> int:
    names = NameUsage.objects.filter(account=account, window__in=windows)
    return names.order_by().values("source", "name").distinct().count()


def _row(share: Share, most: int, total: int) -> ShareRow:
    first, repeat = share.tenths.get("first", 0), share.tenths.get("repeat", 0)
    return ShareRow(
        what=share.what,
        source=share.source,
        firsts=f"{share.scans.get('first', 0):,}",
        repeats=f"{share.scans.get('repeat', 0):,}",
        used=format_quota_column(share.total),
        part=_part(share.total, total),
        first_width=percent(first, most),
        repeat_x=percent(first, most),
        repeat_width=percent(repeat, most),
    )


def _part(tenths: int, total: int) -> str:
    """A part in whole percent, rounded half up; what is there is never shown as 0."""
    if not tenths:
        return "0%"
    whole = (tenths * 200 + total) // (total * 2)
    return f"{whole}%" if whole else "under 1%"


def _sentence(shares: Sequence[Share], total: int) -> str:
    if not shares:
        return ""
    largest = shares[0]
    return f"{largest.what} took {_part(largest.total, total)} of what was used."


def _plain(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10}"
