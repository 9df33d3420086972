"""The quota header in the upper left: one indexed query however long the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Account
from quota.models import QuotaWindow, Subscription, Tariff
from quota.pages.words import Clock
from quota.rules.lifecycle import SubscriptionState
from quota.rules.units import format_quota

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class PackRow:
    """One open window of the *Made up of n purchases* disclosure."""

    quantity: str
    left: str
    resets: str
    until: str


@dataclass(frozen=True, slots=True)
class QuotaHeader:
    """The open windows added up, and the track drawn of them. Widths are percents."""

    left_tenths: int
    total_tenths: int
    left: str
    total: str
    used: str
    held: str
    is_held: bool
    is_used_up: bool
    used_width: str
    held_width: str
    elapsed: str
    label_today: bool
    starts: str
    resets: str
    resets_at: str
    resets_iso: str
    packs: Sequence[PackRow]
    description: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands at an instant: what the pages of images rest on."""

    subscription: Subscription | None
    state: SubscriptionState | None
    tariff: Tariff
    header: QuotaHeader | None

    @property
    def history(self) -> datetime | None:
        """Since when results count as history (rules 5.2, 6)."""
        return self.subscription.anchor if self.subscription else None

    @property
    def is_active(self) -> bool:
        """Whether scanning and buying are possible."""
        return self.state is SubscriptionState.ACTIVE


def quota_header(account: Account, now: datetime) -> QuotaHeader | None:
    """The header of an account in one query, or None when no window is open."""
    windows = _open(account, now)
    return _header(windows, Clock(account, now)) if windows else None


def standing(account: Account, now: datetime) -> Standing:
    """Where the account stands: two queries, a third when no window is open."""
    windows = _open(account, now)
    if windows:
        subscription: Subscription | None = windows[0].pack.subscription
    else:
        subscription = Subscription.objects.current(account.pk, now)
    return Standing(
        subscription=subscription,
        state=subscription.state(now) if subscription else None,
        tariff=Tariff.objects.in_force(account.currency, now),
        header=_header(windows, Clock(account, now)) if windows else None,
    )


def _open(account: Account, now: datetime) -> Sequence[QuotaWindow]:
    windows = QuotaWindow.objects.open_at(account.pk, now)
    return list(windows.select_related("pack__subscription").order_by("ends_at", "pk"))


def _header(windows: Sequence[QuotaWindow], clock: Clock) -> QuotaHeader:
    total = sum(w.granted_tenths - w.revoked_tenths for w in windows)
    used = sum(window.used_tenths for window in windows)
    held = sum(window.held_tenths for window in windows)
    left = sum(window.free_tenths for window in windows)
    first = windows[0]
    past, whole = clock.now - first.starts_at, first.ends_at - first.starts_at
    return QuotaHeader(
        left_tenths=left,
        total_tenths=total,
        left=format_quota(left),
        total=format_quota(total),
        used=format_quota(used),
        held=format_quota(held),
        is_held=held > 0,
        is_used_up=left == 0,
        used_width=percent(used, total),
        held_width=percent(held, total),
        elapsed=percent(past // SECOND, whole // SECOND),
        label_today=14 * whole <= 100 * past <= 80 * whole,
        starts=clock.date(first.starts_at),
        resets=clock.date(first.ends_at),
        resets_at=clock.moment(first.ends_at),
        resets_iso=clock.iso(first.ends_at),
        packs=[_row(window, clock) for window in windows],
        description=(
            f"{format_quota(left)} of {format_quota(total)} left, "
            f"{format_quota(used)} used, {format_quota(held)} held. "
            f"Resets {clock.moment(first.ends_at)}."
        ),
    )


def percent(part: int, whole: int) -> str:
    """A width for a track, cut to hundredths of a percent: ``66.20%``."""
    hundredths = part * 10_000 // whole if whole else 0
    return f"{hundredths // 100}.{hundredths % 100:02}%"


def _row(window: QuotaWindow, clock: Clock) -> PackRow:
    return PackRow(
        quantity=f"{window.pack.quantity:,}",
        left=format_quota(window.free_tenths),
        resets=clock.moment(window.ends_at),
        until=clock.moment(window.pack.subscription.ends_at),
    )
