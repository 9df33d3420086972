"""The statement of a month: opening, what each day did, closing, and its hashes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.urls import reverse

from accounts.models import Account
from quota.models import QuotaWindow, StatementSeal, UsageBin
from quota.pages.invoices import Paper
from quota.pages.ledger_rows import DASH, signed
from quota.pages.words import Clock, plural
from quota.rules.statement import MOVES, Sums, chained
from quota.rules.units import TENTHS, format_quota, format_quota_column
from quota.statements import is_closed, statement_lines

# Up to so many entries, an unsealed month's hashes are worked out for the page.
HASHED = 5_000
COLUMNS = ("What", "Day", "Used", "Held", "Left after")


@dataclass(frozen=True, slots=True)
class DayRow:
    """What one day did to the month."""

    words: str
    date: str
    what: str
    used: str
    held: str
    left: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As a row of the paper."""
        return (self.what, self.words, self.used, self.held, self.left)


@dataclass(frozen=True, slots=True)
class StatementPage:
    """A month's statement; ``head`` and ``tail`` are empty where none was made yet."""

    title: str
    zone: str
    is_closed: bool
    facts: Sequence[tuple[str, str]]
    rows: Sequence[DayRow]
    sums: Sequence[tuple[str, str]]
    head: str
    tail: str
    month: int
    entries: str


def statement_page(account: Account, window: QuotaWindow) -> StatementPage:
    """The statement of a window that comes with its tariff and pack, in two queries;
    days are those of the zone in which the pack was bought, which never changes."""
    zone = ZoneInfo(window.pack.zone)
    sums = Sums()
    rows = list(_days(account, window, zone, sums))
    head, tail = _hashes(window, sums.entries)
    begins, ends = (_moment(at, zone) for at in (window.starts_at, window.ends_at))
    return StatementPage(
        title=f"{_day(window.starts_at, zone)} to {_day(window.ends_at, zone)}",
        zone=zone.key,
        is_closed=is_closed(window),
        facts=[
            ("Account", account.slug),
            ("Month", f"{begins} to {ends}, {zone.key}"),
            (
                "Purchase",
                f"{window.pack.quantity:,} scans a month, month {window.number + 1}",
            ),
            ("Entries", f"{sums.entries:,}"),
            ("Hash of the opening", head or "In the JSON"),
            ("Hash of the closing", tail or "In the JSON"),
        ],
        rows=rows,
        sums=[
            ("Granted", format_quota_column(sums.by_kind.get("grant", 0))),
            ("Used", format_quota_column(sums.used)),
            ("Held", format_quota_column(sums.held)),
            ("Unused, removed", format_quota_column(sums.by_kind.get("lapse", 0))),
            ("Refunded", format_quota_column(sums.by_kind.get("revoke", 0))),
            ("Left", format_quota_column(sums.left)),
        ],
        head=head,
        tail=tail,
        month=window.pk,
        entries=plural(sums.entries, "entry", "entries"),
    )


def statement_paper(page: StatementPage) -> Paper:
    """The same for the PDF. Of a closed month it never changes: nothing on it can be
    renamed."""
    return Paper(
        title="Quota statement,",
        number=page.title,
        facts=page.facts,
        seller=["Image Scan"],
        buyer=[page.facts[0][1]],
        columns=COLUMNS,
        rows=[row.cells for row in page.rows],
        sums=page.sums,
        notes=[
            "This month is closed. The statement does not change any more."
            if page.is_closed
            else "This month is not closed: the statement is provisional.",
            "Every entry is in the JSON statement, whose lines are chained by these"
            " hashes.",
        ],
    )


def _hashes(window: QuotaWindow, entries: int) -> tuple[str, str]:
    seals = StatementSeal.objects.filter(account=window.account_id, window=window)
    if seal := seals.first():
        return seal.head, seal.tail
    if entries > HASHED:
        return "", ""
    numbers = [number for number, _ in chained(statement_lines(window))]
    return numbers[0], numbers[-1]


def _days(
    account: Account, window: QuotaWindow, zone: ZoneInfo, sums: Sums
) -> Iterator[DayRow]:
    bins = UsageBin.objects.filter(account=account, window=window).annotate(
        date=TruncDate("starts_at", tzinfo=zone)
    )
    summed = bins.order_by("date").values_list("date", "kind", "reason")
    days: dict[date, list[tuple[str, str, int, int]]] = {}
    for day, kind, reason, tenths, entries in summed.annotate(
        Sum("tenths"), Sum("entries")
    ):
        days.setdefault(day, []).append((kind, reason, int(tenths), entries))
    for day, found in days.items():
        used, held = sums.used, sums.held
        for kind, _, tenths, entries in found:
            sums.add(kind, tenths)
            sums.entries += entries - 1
        yield DayRow(
            words=_date_words(day),
            date=day.isoformat(),
            what=", ".join(_what(found)),
            used=format_quota_column(sums.used - used) if sums.used > used else DASH,
            held=signed(sums.held - held),
            left=format_quota_column(sums.left),
        )


def _what(found: Sequence[tuple[str, str, int, int]]) -> Iterator[str]:
    """What happened on a day, the grant leading and the reset last."""
    order = list(MOVES)
    by_order = sorted(found, key=lambda each: (order.index(each[0]), each[1]))
    for kind, reason, tenths, entries in by_order:
        if kind == "settle":
            yield plural(entries, f"{reason} scan")
        elif kind == "release":
            yield f"{plural(entries, 'scan')} returned"
        elif kind != "hold":
            words = {"grant": "granted", "lapse": "unused removed"}
            yield f"{format_quota(tenths)} {words.get(kind, 'refunded')}"


def _date_words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _day(at: datetime, zone: ZoneInfo) -> str:
    return _date_words(at.astimezone(zone).date())


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{_day(at, zone)}, {at.astimezone(zone):%H:%M}"


@dataclass(frozen=True, slots=True)
class StatementLink:
    """One line of the list of statements."""

    words: str
    quantity: str
    used: str
    unused: str
    state: str
    tone: str
    url: str


def statements(account: Account, now: datetime) -> Sequence[StatementLink]:
    """Every month that has begun, the latest leading, in one query."""
    clock = Clock(account, now)
    begun = QuotaWindow.objects.filter(account=account, starts_at__lte=now)
    return [
        _link(account, window, clock) for window in begun.order_by("-starts_at", "-pk")
    ]


def _link(account: Account, window: QuotaWindow, clock: Clock) -> StatementLink:
    closed = is_closed(window)
    over = window.ends_at <= clock.now
    return StatementLink(
        words=f"{clock.date(window.starts_at)} to {clock.date(window.ends_at)}",
        quantity=f"{window.granted_tenths // TENTHS:,}",
        used=format_quota_column(window.used_tenths),
        unused=format_quota_column(window.lapsed_tenths) if over else DASH,
        state="Closed" if closed else "Over, not closed yet" if over else "Open",
        tone="ok" if closed else "" if over else "info",
        url=reverse("quota:statement", args=[account.slug, window.pk]),
    )
