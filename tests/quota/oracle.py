"""The billing rules a second time, as simply as can be: lists, loops, no database.

It shares no code with the product, so that the two only agree when both are right.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FIRST, REPEAT = 10, 1
EDITION_CENTS, QUOTA_CENTS = 675, 6
LEASE, LIMIT, PATIENCE = timedelta(seconds=60), timedelta(hours=1), timedelta(hours=24)
DAY = timedelta(days=1)


def months_after(anchor: datetime, months: int, zone: ZoneInfo) -> datetime:
    """The anchor's clock time, that many months on (rules 3.1, 3.2)."""
    if not months:
        return anchor
    local = anchor.astimezone(zone)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    clock = local.replace(tzinfo=None)
    wanted = clock.replace(year=year, month=month + 1, day=day, fold=0)
    return wanted.replace(tzinfo=zone).astimezone(UTC)


@dataclass(eq=False)
class Edition:
    """One subscription: its paid terms, each with its end and its price in cents."""

    anchor: datetime
    history: datetime
    end: datetime
    months: int = 0
    terms: list[tuple[datetime, datetime, int]] = field(default_factory=list)
    is_refunded: bool = False


@dataclass(eq=False)
class Pack:
    """One purchase of quota, and the cents paid for it."""

    edition: Edition
    anchor: datetime
    granted: int
    paid: int = 0
    is_frozen: bool = False
    is_closed: bool = False
    windows: list["Window"] = field(default_factory=list)


@dataclass(eq=False)
class Window:
    """One month of one pack."""

    pack: Pack
    starts_at: datetime
    ends_at: datetime
    natural_end: datetime
    used: int = 0
    held: int = 0
    lapsed: int = 0
    revoked: int = 0
    is_over: bool = False

    @property
    def granted(self) -> int:
        """Every window grants what the pack was bought with, a short one too."""
        return self.pack.granted

    @property
    def is_cut(self) -> bool:
        """Whether the end of Professional Edition came before the month was over."""
        return self.ends_at < self.natural_end

    @property
    def free(self) -> int:
        """What can still be held."""
        return self.granted - self.used - self.held - self.lapsed - self.revoked


@dataclass(eq=False)
class Scan:
    """One image in one task, with what it holds where."""

    image: str
    cost: int
    held_at: datetime
    parts: list[tuple[Window, int]] = field(default_factory=list)
    state: str = "queued"
    attempts: int = 0
    lease_until: datetime | None = None
    deadline_at: datetime | None = None


@dataclass
class Oracle:
    """What an account's books must say."""

    zone: ZoneInfo
    balance: int = 0
    editions: list[Edition] = field(default_factory=list)
    packs: list[Pack] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    results: dict[str, datetime] = field(default_factory=dict)

    @property
    def edition(self) -> Edition:
        """The latest Professional Edition."""
        return self.editions[-1]

    @property
    def windows(self) -> list[Window]:
        """All months of all packs, in the order of both."""
        return [window for pack in self.packs for window in pack.windows]

    def is_active(self, now: datetime) -> bool:
        """Whether anything can be scanned or bought."""
        return not self.edition.is_refunded and now < self.edition.end

    def is_gone(self, now: datetime) -> bool:
        """Whether Professional Edition can be bought (anew)."""
        if not self.editions or self.edition.is_refunded:
            return True
        return now >= self.edition.end + 6 * DAY

    def subscribe(self, months: int, now: datetime) -> None:
        """Buy Professional Edition. Once the last one is terminated, history begins
        again and nothing of before goes on; after a refund it is kept until then."""
        history = now
        if self.editions and now < self.edition.end + 6 * DAY:
            history = self.edition.history
        else:
            for scan in self.scans:
                if scan.state in ("queued", "running"):
                    self.release(scan)
        self.editions.append(Edition(anchor=now, history=history, end=now))
        self._extend(months)

    def _extend(self, months: int) -> None:
        edition, price = self.edition, months * EDITION_CENTS
        edition.months += months
        end = months_after(edition.anchor, edition.months, self.zone)
        edition.terms.append((edition.end, end, price))
        edition.end = end
        self.balance -= price

    def buy(self, quantity: int, now: datetime) -> None:
        """Buy a pack: whole months from now until the end, the last one cut."""
        pack = Pack(self.edition, now, quantity * 10)
        self.packs.append(pack)
        self._append(pack)

    def _append(self, pack: Pack) -> None:
        end, price = pack.edition.end, pack.granted // 10 * QUOTA_CENTS
        number = len(pack.windows)
        while (starts := months_after(pack.anchor, number, self.zone)) < end:
            number += 1
            whole = months_after(pack.anchor, number, self.zone)
            pack.windows.append(Window(pack, starts, min(whole, end), whole))
            pack.paid += price
            self.balance -= price

    def can_renew(self, now: datetime) -> bool:
        """Whether it is active, or suspended for at most five days (rules 6)."""
        return not self.edition.is_refunded and now <= self.edition.end + 5 * DAY

    def renew(self, months: int, now: datetime, left_out: Iterable[Pack] = ()) -> None:
        """Append months to the end; a cut month grows, whole months follow: not for a
        pack that is left out, nor for one whose months ran out since it was."""
        before, without = self.edition.end, list(left_out)
        self._extend(months)
        for pack in self.packs:
            last = pack.windows[-1]
            if pack.edition is not self.edition or pack.is_closed:
                continue
            if last.ends_at <= now and last.ends_at < before:
                continue
            last.ends_at = min(last.natural_end, self.edition.end)
            if not (pack.is_frozen or pack in without):
                self._append(pack)

    def holding(self, pack: Pack) -> list[Scan]:
        """The scans queued or running that hold quota of a pack."""
        return [
            scan
            for scan in self.scans
            if scan.state in ("queued", "running")
            and any(window.pack is pack for window, _ in scan.parts)
        ]

    def in_flight(self, image: str) -> bool:
        """Whether the image has a scan queued or running."""
        return any(s.image == image and s.state in ("queued", "running")
                   for s in self.scans)  # fmt: skip

    def cost(self, image: str) -> int:
        """What a scan of it holds now."""
        history = self.edition.history
        scanned = self.results.get(image)
        return REPEAT if scanned and scanned >= history else FIRST

    def press(self, images: Iterable[str], now: datetime) -> list[Scan] | None:
        """Hold the quota of all that are not in flight, or of none (None)."""
        chosen = sorted(image for image in images if not self.in_flight(image))
        is_open = [
            w
            for w in self.windows
            if w.starts_at <= now < w.ends_at
            and now < w.pack.edition.end
            and not (w.pack.is_frozen or w.pack.is_closed)
        ]
        is_open.sort(key=lambda w: (w.ends_at, w.pack.anchor, self.packs.index(w.pack)))
        fits = sum(map(self.cost, chosen)) <= sum(window.free for window in is_open)
        if not (chosen and fits and self.is_active(now)):
            return None
        return [self._held(image, is_open, now) for image in chosen]

    def _held(self, image: str, is_open: list[Window], now: datetime) -> Scan:
        scan = Scan(image, self.cost(image), now)
        missing = scan.cost
        for window in is_open:
            if part := min(missing, window.free):
                window.held += part
                missing -= part
                scan.parts.append((window, part))
        self.scans.append(scan)
        return scan

    def claim(self, scan: Scan, now: datetime) -> None:
        """A worker takes a queued scan."""
        scan.state, scan.attempts = "running", scan.attempts + 1
        scan.lease_until, scan.deadline_at = now + LEASE, now + LIMIT

    def settle(self, scan: Scan, now: datetime) -> None:
        """It has a result: what was held is used, where it was held."""
        scan.state = "settled"
        for window, part in scan.parts:
            window.held -= part
            window.used += part
        self.results[scan.image] = now

    def release(self, scan: Scan) -> None:
        """It has none: what was held is free again, or lapses with its window."""
        scan.state = "released"
        for window, part in scan.parts:
            window.held -= part
            window.lapsed += part if window.is_over else 0

    def sweep(self, now: datetime) -> None:
        """Queue again, or give up, what lost its worker or found none."""
        for scan in self.scans:
            if scan.state == "running" and scan.lease_until and scan.deadline_at:
                if scan.lease_until > now:
                    continue
                if scan.deadline_at > now and scan.attempts < 3:
                    scan.state = "queued"
                else:
                    self.release(scan)
        for scan in self.scans:
            waited = now - scan.held_at >= PATIENCE
            if scan.state == "queued" and (waited or not self.is_active(now)):
                self.release(scan)

    def lapse(self, now: datetime) -> None:
        """Book what is free in windows that can no longer change."""
        for window in self.windows:
            end = window.pack.edition.end
            grows = window.is_cut and window.ends_at >= end and now <= end + 5 * DAY
            if now >= window.ends_at and not (grows or window.is_over):
                window.lapsed += window.free
                window.is_over = True
