"""*Usage and ledger*: what the month was used for, day by day and entry by entry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet, Sum
from django.urls import reverse

from accounts.models import Account, User
from accounts.spreadsheets import safe
from quota.models import Image, LedgerEntry, QuotaWindow, UsageBin
from quota.pages.charts import Chart, Day, chart
from quota.pages.header import OpenWindow, open_windows
from quota.pages.keyset import newest
from quota.pages.words import Clock, plural
from quota.rules.units import format_quota

Kind = LedgerEntry.Kind
CHUNK = 2_000
MINUS = "\u2212"
DASH = "–"
CSV_HEADER = (
    "When", "Type", "Image ID", "Task", "Scan", "By", "Used", "Held", "Quota",
    "Left after", "Outcome", "Entry",
)  # fmt: skip
TYPES: Mapping[str, tuple[str, str, dict[str, str]]] = {
    "first": ("First scan", "info", {"kind": Kind.SETTLE, "reason": "first"}),
    "repeat": ("Repeat scan", "", {"kind": Kind.SETTLE, "reason": "repeat"}),
    "hold": ("Hold", "", {"kind": Kind.HOLD}),
    "release": ("Returned", "ok", {"kind": Kind.RELEASE}),
    "grant": ("Grant", "ok", {"kind": Kind.GRANT}),
    "lapse": ("Reset", "", {"kind": Kind.LAPSE}),
    "revoke": ("Refund", "warn", {"kind": Kind.REVOKE}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: of one type and of one day, or any."""

    kind: str = ""
    day: str = ""

    def query(self) -> dict[str, str]:
        """As query parameters, without what is "any"."""
        named = {"kind": self.kind, "day": self.day}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Totals:
    """The open windows of the account, added up."""

    granted: str
    granted_note: str
    firsts: str
    firsts_note: str
    repeats: str
    repeats_note: str
    held: str
    left: str
    left_note: str


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry: what moved, for which image and task, and what was left."""

    what: str
    what_url: str
    detail: str
    detail_url: str
    kind: str
    tone: str
    by: str
    when: str
    iso: str
    used: str
    held: str
    left: str


@dataclass(frozen=True, slots=True)
class UsagePage:
    """The month's totals and chart, and one page of entries."""

    totals: Totals | None
    chart: Chart | None
    rows: Sequence[EntryRow]
    next_query: str
    first_query: str
    query: str
    asked: Asked
    day_words: str


def usage_page(account: Account, asked: Asked, cursor: str, now: datetime) -> UsagePage:
    """The totals, the days and a page of entries, in at most six queries. Refuses a
    place in the list that was not given out for it (UnknownCursor)."""
    clock = Clock(account, now)
    windows = open_windows(account, now)
    days = usage_days(account, windows, clock)
    found = newest(
        _entries(account, asked, clock), by="id", account=account, cursor=cursor
    )
    query = asked.query()
    return UsagePage(
        totals=_totals(account, windows, clock) if windows else None,
        chart=chart(days) if windows else None,
        rows=list(_rows(account, found.rows, clock)),
        next_query=urlencode({**query, "after": found.after}) if found.after else "",
        first_query=urlencode(query) if cursor else "",
        query=urlencode(query),
        asked=asked,
        day_words=_day_words(asked, clock),
    )


def usage_days(
    account: Account, windows: Sequence[OpenWindow], clock: Clock
) -> Sequence[Day]:
    """Every local day from the first open window's beginning to its reset, with what
    the account used on it."""
    if not windows:
        return []
    starts = min(window.starts_at for window in windows).astimezone(clock.zone)
    ends = windows[0].ends_at.astimezone(clock.zone)
    begin = starts.replace(hour=0, minute=0, second=0, microsecond=0)
    bins = UsageBin.objects.filter(
        account=account, kind=Kind.SETTLE, starts_at__gte=begin, starts_at__lt=ends
    )
    used: dict[tuple[Any, str], list[int]] = {}
    columns = bins.values_list("starts_at", "reason", "tenths", "entries")
    for starts_at, reason, tenths, entries in columns:
        key = (starts_at.astimezone(clock.zone).date(), reason)
        total = used.setdefault(key, [0, 0])
        total[0], total[1] = total[0] + tenths, total[1] + entries
    days: list[Day] = []
    date = begin.date()
    while date < ends.date() or not days:
        first, repeat = (used.get((date, kind), [0, 0]) for kind in ("first", "repeat"))
        noon = datetime(date.year, date.month, date.day, 12, tzinfo=clock.zone)
        days.append(
            Day(
                date=date.isoformat(),
                words=clock.day(noon),
                short=clock.date(noon),
                number=date.day,
                firsts=first[1],
                repeats=repeat[1],
                first_tenths=first[0],
                repeat_tenths=repeat[0],
                is_past=date <= clock.now.date(),
            )
        )
        date += timedelta(days=1)
    return days


def spent_since(account: Account, since: datetime) -> int:
    """The tenths that were used since then, or are held by scans begun since then."""
    bins = UsageBin.objects.filter(account=account, starts_at__gte=since)
    totals: dict[str, int] = dict(
        bins.filter(kind__in=[Kind.HOLD, Kind.RELEASE])
        .values_list("kind")
        .annotate(total=Sum("tenths"))
    )
    return max(0, totals.get(Kind.HOLD, 0) - totals.get(Kind.RELEASE, 0))


def entries_csv(
    account: Account, asked: Asked, now: datetime
) -> Iterator[Sequence[str]]:
    """Every entry that the filters leave, newest first, some thousand at a time."""
    clock = Clock(account, now)
    people: dict[int | None, str] = {None: ""}
    last: int | None = None
    while True:
        entries = _entries(account, asked, clock).order_by("-id")
        if last is not None:
            entries = entries.filter(id__lt=last)
        chunk = list(entries[:CHUNK])
        unknown = {entry.by_id for entry in chunk} - people.keys()
        people |= _names(unknown)
        for entry in chunk:
            yield _line(entry, people[entry.by_id], clock)
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def _line(entry: LedgerEntry, by: str, clock: Clock) -> Sequence[str]:
    used, held = _moves(entry)
    return (
        clock.iso(entry.created_at),
        _type(entry)[0],
        entry.image_digest,
        str(entry.task or ""),
        str(entry.scan or ""),
        safe(by),
        _plain(used),
        _plain(held),
        _plain(entry.tenths),
        _plain(entry.free_after_tenths),
        entry.outcome,
        str(entry.pk),
    )


def _plain(tenths: int) -> str:
    """A figure for a spreadsheet. A minus comes last: no cell begins with a sign."""
    figure = f"{abs(tenths) // 10}.{abs(tenths) % 10}"
    return f"{figure}-" if tenths < 0 else figure


def _entries(account: Account, asked: Asked, clock: Clock) -> QuerySet[LedgerEntry]:
    """The entries that are asked for, in the ledger's order by their number."""
    entries = LedgerEntry.objects.filter(account=account)
    if asked.kind:
        entries = entries.filter(**TYPES[asked.kind][2])
    if asked.day:
        start = datetime.fromisoformat(asked.day).replace(tzinfo=clock.zone)
        end = start + timedelta(days=1)
        bins = UsageBin.objects.filter(
            account=account, starts_at__gte=start, starts_at__lt=end
        )
        numbers = list(bins.values_list("first_entry", "last_entry"))
        low = min((first for first, _ in numbers), default=0)
        high = max((last for _, last in numbers), default=-1)
        entries = entries.filter(
            id__range=(low, high), created_at__gte=start, created_at__lt=end
        )
    return entries


def _day_words(asked: Asked, clock: Clock) -> str:
    if not asked.day:
        return ""
    return clock.day(datetime.fromisoformat(asked.day).replace(tzinfo=clock.zone))


def _totals(account: Account, windows: Sequence[OpenWindow], clock: Clock) -> Totals:
    opened = QuotaWindow.objects.open_at(account.pk, clock.now)
    bins = UsageBin.objects.filter(
        account=account, kind=Kind.SETTLE, window__in=opened.values("pk")
    )
    sums = bins.values_list("reason").annotate(Sum("tenths"), Sum("entries"))
    used = {reason: (tenths, entries) for reason, tenths, entries in sums}
    firsts, repeats = used.get("first", (0, 0)), used.get("repeat", (0, 0))
    return Totals(
        granted=format_quota(sum(w.granted - w.revoked for w in windows)),
        granted_note=clock.moment(windows[0].starts_at),
        firsts=format_quota(firsts[0]),
        firsts_note=plural(firsts[1], "scan"),
        repeats=format_quota(repeats[0]),
        repeats_note=plural(repeats[1], "scan"),
        held=format_quota(sum(window.held for window in windows)),
        left=format_quota(sum(window.free for window in windows)),
        left_note=f"Resets {clock.moment(windows[0].ends_at)}",
    )


def _rows(
    account: Account, entries: Sequence[LedgerEntry], clock: Clock
) -> Iterator[EntryRow]:
    digests = {entry.image_digest for entry in entries if entry.image_digest}
    images = {
        image.digest: image
        for image in Image.objects.filter(account=account, digest__in=digests)
    }
    people = _names({entry.by_id for entry in entries}) | {None: ""}
    windows = QuotaWindow.objects.filter(
        account=account, pk__in={entry.window_id for entry in entries}
    ).in_bulk()
    for entry in entries:
        words, tone = _type(entry)
        used, held = _moves(entry)
        image = images.get(entry.image_digest)
        name, url = _named(account, entry, image)
        window = windows[entry.window_id]
        yield EntryRow(
            what=name or f"Month of {clock.date(window.starts_at)}",
            what_url=url,
            detail=f"Task {entry.task}"
            if entry.task
            else _detail(entry, window, clock),
            detail_url=(
                reverse("quota:task", args=[account.slug, entry.task])
                if entry.task
                else ""
            ),
            kind=words,
            tone=tone,
            by=people[entry.by_id] or "System",
            when=clock.moment(entry.created_at),
            iso=clock.iso(entry.created_at),
            used=format_quota(used) if used else DASH,
            held=_signed(held),
            left=format_quota(entry.free_after_tenths),
        )


def _named(
    account: Account, entry: LedgerEntry, image: Image | None
) -> tuple[str, str]:
    if not entry.image_digest:
        return "", ""
    if image is None:
        return entry.image_digest[7:19], ""
    kind = "local" if image.is_local or not image.is_repository else "repository"
    url = reverse("quota:image", args=[account.slug, kind, image.digest])
    name = f"{image.name}:{image.tag}" if image.name else image.repository
    return name or image.digest[7:19], url


def _detail(entry: LedgerEntry, window: QuotaWindow, clock: Clock) -> str:
    if entry.kind == Kind.LAPSE:
        return f"{format_quota(entry.tenths)} unused quota removed"
    if entry.kind == Kind.GRANT:
        return f"{format_quota(entry.tenths)} until {clock.date(window.ends_at)}"
    return f"{format_quota(entry.tenths)} removed"


def _type(entry: LedgerEntry) -> tuple[str, str]:
    name = entry.reason if entry.kind == Kind.SETTLE else entry.kind
    words, tone, _ = TYPES[name]
    return words, tone


def _moves(entry: LedgerEntry) -> tuple[int, int]:
    """What the entry adds to the used and to the held quota, in tenths."""
    if entry.kind == Kind.SETTLE:
        return entry.tenths, -entry.tenths
    held = {Kind.HOLD: entry.tenths, Kind.RELEASE: -entry.tenths}
    return 0, held.get(Kind(entry.kind), 0)


def _signed(tenths: int) -> str:
    if not tenths:
        return DASH
    return f"{'+' if tenths > 0 else MINUS}{format_quota(abs(tenths))}"


def _names(ids: set[int | None]) -> dict[int | None, str]:
    known = [pk for pk in ids if pk is not None]
    people = User.objects.filter(pk__in=known) if known else ()
    return {person.pk: str(person) for person in people}
