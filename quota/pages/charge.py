"""Why an entry of the ledger is what it is: the rule, and everything it rests on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.models import Account
from accounts.money import format_unit_price
from quota.models import LedgerEntry, QuotaWindow, Scan, ScanTask, Tariff
from quota.pages import cells
from quota.pages.ledger_rows import (
    image_name,
    image_url,
    images_of,
    names_of,
    type_of,
)
from quota.pages.words import Clock
from quota.rules.units import TENTHS, format_quota

Kind = LedgerEntry.Kind
GONE = "Deleted with the subscription it belonged to. The ledger keeps what proves it."


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the entry rests on, and where to see it."""

    label: str
    value: str
    note: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry, explained."""

    number: int
    title: str
    subtitle: str
    state: SafeString
    when: str
    iso: str
    quota: str
    rule: str
    facts: Sequence[Fact]
    image_url: str
    digest: str


def charge(
    account: Account, entry: LedgerEntry, clock: Clock, *, sees_orders: bool
) -> Charge:
    """Explain an entry of the account, in at most ten queries; a link to its order is
    for who may see orders."""
    images = images_of(account, [entry])
    window = QuotaWindow.objects.select_related("pack__order", "tariff").get(
        account=account, pk=entry.window_id
    )
    words, tone = type_of(entry)
    image = images.get(entry.image_digest)
    of_scan = _OfScan(account, entry, window, clock) if entry.scan else None
    return Charge(
        number=entry.pk,
        title=image_name(entry, images) or f"Month of {clock.date(window.starts_at)}",
        subtitle=entry.image_digest[:19],
        state=cells.state(words, ICONS[Kind(entry.kind)], TONES.get(tone, "")),
        when=clock.moment(entry.created_at),
        iso=clock.iso(entry.created_at),
        quota=f"{format_quota(entry.tenths)} quota {DONE[Kind(entry.kind)]}",
        rule=of_scan.rule if of_scan else _of_window(entry),
        facts=[
            *(of_scan.facts() if of_scan else ()),
            *_month(account, entry, window, clock, sees_orders=sees_orders),
            _person(entry),
        ],
        image_url=image_url(account, image) if image else "",
        digest=entry.image_digest,
    )


ICONS = {
    Kind.GRANT: "plus",
    Kind.HOLD: "clock",
    Kind.SETTLE: "circle-check",
    Kind.RELEASE: "rotate-ccw",
    Kind.LAPSE: "calendar-clock",
    Kind.REVOKE: "rotate-ccw",
}
DONE = {
    Kind.GRANT: "granted",
    Kind.HOLD: "held",
    Kind.SETTLE: "used",
    Kind.RELEASE: "returned",
    Kind.LAPSE: "removed",
    Kind.REVOKE: "removed",
}
TONES = {"ok": "ok", "warn": "warn", "info": "run"}


def _of_window(entry: LedgerEntry) -> str:
    return {
        Kind.GRANT: "One month of a purchase, granted whole when it was paid.",
        Kind.LAPSE: "What was unused when the month was over. It does not carry over.",
        Kind.REVOKE: "What was left when the purchase was refunded.",
    }[Kind(entry.kind)]


def _month(
    account: Account,
    entry: LedgerEntry,
    window: QuotaWindow,
    clock: Clock,
    *,
    sees_orders: bool,
) -> Iterator[Fact]:
    quantity = f"{window.granted_tenths // TENTHS:,} scans a month"
    yield Fact(
        "Month of quota",
        f"{clock.date(window.starts_at)} to {clock.date(window.ends_at)}",
        f"{format_quota(entry.free_after_tenths)} left in it after this entry",
        reverse("quota:usage", args=[account.slug]) + f"?month={window.pk}",
    )
    order = window.pack.order
    yield Fact(
        "Purchase",
        f"Order {order.label}" if sees_orders else quantity,
        quantity if sees_orders else f"Bought {clock.date(window.pack.anchor)}",
        reverse("quota:order", args=[account.slug, order.number])
        if sees_orders
        else "",
    )


def _person(entry: LedgerEntry) -> Fact:
    if entry.by_id is None:
        return Fact("By", "Schedule" if entry.task else "System")
    return Fact("By", names_of([entry.by_id])[entry.by_id])


class _OfScan:
    """What an entry of a scan rests on: the scan, its hold, and the tariff then."""

    def __init__(
        self, account: Account, entry: LedgerEntry, window: QuotaWindow, clock: Clock
    ) -> None:
        self.account, self.entry, self.window = account, entry, window
        self.clock = clock
        scans = [entry.scan] if entry.scan else []
        self.scan = Scan.objects.filter(account=account, pk__in=scans).first()
        every = LedgerEntry.objects.of_scans(account.pk, scans).order_by("pk")
        self.entries = list(every)
        self.held = next(
            (each for each in self.entries if each.kind == Kind.HOLD), entry
        )
        valid = Tariff.objects.valid(account.currency, self.held.created_at)
        self.tariff = valid[:1].get()

    @property
    def rule(self) -> str:
        """The rule that made the entry, in a sentence or two."""
        entry = self.entry
        cost = format_quota(self._weight())
        if entry.kind == Kind.SETTLE and entry.reason == "first":
            return (
                "First scan: there was no result for this image when its quota was set"
                f" aside, so it costs {cost}. Whatever it looked for, it is one charge."
            )
        if entry.kind == Kind.SETTLE:
            return (
                "Repeat scan: there was a result for this image when its quota was set"
                f" aside, so it costs {cost}. Whatever it looked for, it is one charge."
            )
        if entry.kind == Kind.HOLD:
            return (
                f"Set aside when the task started, {cost} for a {entry.reason} scan. It"
                " is used when the scan has a result and returned when it has none."
            )
        if entry.kind == Kind.LAPSE:
            return "Returned after the month was over, so it lapsed at once."
        outcome = Scan.Outcome(entry.outcome).label.lower()
        return f"Returned, because the scan ended without a result ({outcome}): free."

    def facts(self) -> Iterator[Fact]:
        """The earlier result, the tariff, what became of it, the task."""
        if self.entry.reason == "repeat":
            yield self._earlier()
        tariff = self.tariff
        worth = self.entry.tenths * self.window.tariff.quota_price / TENTHS
        yield Fact(
            "Tariff",
            f"First scan {format_quota(tariff.first_tenths)}, repeat"
            f" {format_quota(tariff.repeat_tenths)}",
            f"In force since {self.clock.date(tariff.valid_from)}. This entry is worth"
            f" {format_unit_price(worth, self.account.currency)}",
        )
        yield from self._others()
        yield self._task()

    def _weight(self) -> int:
        if self.scan:
            return self.scan.cost_tenths
        first = self.entry.reason == "first"
        return self.tariff.first_tenths if first else self.tariff.repeat_tenths

    def _earlier(self) -> Fact:
        label = "Earlier result"
        if self.scan is None:
            return Fact(label, "No longer kept", GONE)
        before = Scan.objects.filter(
            account=self.account,
            image=self.scan.image_id,
            state="settled",
            ended_at__lte=self.held.created_at,
        )
        found = before.order_by("-ended_at").first()
        if found is None or found.ended_at is None:
            return Fact(label, "No longer kept", GONE)
        when: datetime = found.ended_at
        return Fact(
            label,
            self.clock.moment(when),
            f"Scan {found.pk} of task {found.task_id}",
            reverse("quota:task", args=[self.account.slug, found.task_id]),
        )

    def _others(self) -> Iterator[Fact]:
        """The hold of an end and the end of a hold; the other month of a split one."""
        for other in self.entries:
            if other.pk == self.entry.pk:
                continue
            same = other.window_id == self.entry.window_id
            if not same and other.kind != self.entry.kind:
                continue
            yield Fact(
                type_of(other)[0] if same else "Drawn from another month too",
                f"{format_quota(other.tenths)}, {self.clock.moment(other.created_at)}",
                f"Entry {other.pk}",
                reverse("quota:entry", args=[self.account.slug, other.pk]),
            )

    def _task(self) -> Fact:
        number = self.entry.task or 0
        tasks = ScanTask.objects.filter(account=self.account, pk=number)
        title = tasks.values_list("title", flat=True).first()
        if title is None:
            return Fact("Task", f"Task {number}", GONE)
        url = reverse("quota:task", args=[self.account.slug, number])
        return Fact("Task", f"Task {number}", title, url)
