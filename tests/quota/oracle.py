"""The billing rules a second time, as simply as can be: lists, loops, no database.

It shares no code with the product, so that the two only agree when both are right.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FIRST, REPEAT = 10, 1
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


@dataclass
class Window:
    """One month of one pack."""

    pack: int
    pack_anchor: datetime
    starts_at: datetime
    ends_at: datetime
    natural_end: datetime
    granted: int
    used: int = 0
    held: int = 0
    lapsed: int = 0
    is_over: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the end of Professional Edition came before the month was over."""
        return self.ends_at < self.natural_end

    @property
    def free(self) -> int:
        """What can still be held."""
        return self.granted - self.used - self.held - self.lapsed


@dataclass
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
    anchor: datetime | None = None
    end: datetime | None = None
    windows: list[Window] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    results: dict[str, datetime] = field(default_factory=dict)
    packs: int = 0
    months: int = 0
    carried: dict[int, tuple[datetime, int]] = field(default_factory=dict)

    def is_active(self, now: datetime) -> bool:
        """Whether anything can be scanned or bought."""
        return self.end is not None and now < self.end

    def is_gone(self, now: datetime) -> bool:
        """Whether Professional Edition can be bought (anew)."""
        return self.end is None or now >= self.end + 6 * DAY

    def subscribe(self, months: int, now: datetime) -> None:
        """Buy Professional Edition: history begins again, and nothing of before goes
        on."""
        for scan in self.scans:
            if scan.state in ("queued", "running"):
                self.release(scan)
        self.anchor, self.months, self.carried = now, months, {}
        self.end = months_after(now, months, self.zone)

    def buy(self, quantity: int, now: datetime) -> None:
        """Buy a pack: whole months from now until the end, the last one cut."""
        self.packs += 1
        self.carried[self.packs] = now, quantity * 10
        self._append(self.packs, number=0)

    def _append(self, pack: int, number: int) -> None:
        assert self.end
        anchor, granted = self.carried[pack]
        while (starts := months_after(anchor, number, self.zone)) < self.end:
            number += 1
            whole = months_after(anchor, number, self.zone)
            ends = min(whole, self.end)
            self.windows.append(Window(pack, anchor, starts, ends, whole, granted))

    def can_renew(self, now: datetime) -> bool:
        """Whether it is active, or suspended for at most five days (rules 6)."""
        return self.end is not None and now <= self.end + 5 * DAY

    def renew(self, months: int) -> None:
        """Append months to the end; a cut month grows, whole months follow."""
        assert self.anchor
        self.months += months
        self.end = months_after(self.anchor, self.months, self.zone)
        for pack in self.carried:
            mine = [window for window in self.windows if window.pack == pack]
            mine[-1].ends_at = min(mine[-1].natural_end, self.end)
            self._append(pack, number=len(mine))

    def in_flight(self, image: str) -> bool:
        """Whether the image has a scan queued or running."""
        return any(s.image == image and s.state in ("queued", "running")
                   for s in self.scans)  # fmt: skip

    def cost(self, image: str) -> int:
        """What a scan of it holds now."""
        assert self.anchor
        return REPEAT if self.results.get(image, self.anchor - DAY) >= self.anchor \
            else FIRST  # fmt: skip

    def press(self, images: Iterable[str], now: datetime) -> list[Scan] | None:
        """Hold the quota of all that are not in flight, or of none (None)."""
        chosen = sorted(image for image in images if not self.in_flight(image))
        is_open = [w for w in self.windows if w.starts_at <= now < w.ends_at]
        is_open.sort(key=lambda w: (w.ends_at, w.pack_anchor, w.pack))
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
            grace = window.ends_at + 5 * DAY
            over = now > grace if window.is_cut else now >= window.ends_at
            if over and not window.is_over:
                window.lapsed += window.free
                window.is_over = True
