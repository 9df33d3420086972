"""Purchases of quota with their months, as the subscription page lists them."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from accounts.models import Account
from quota.models import QuotaPack, QuotaWindow, RefundRequest, Subscription
from quota.pages.words import Clock, plural
from quota.rules.lifecycle import can_grow
from quota.rules.refunds import OPEN
from quota.rules.renewal import natural_end
from quota.rules.units import TENTHS, format_quota


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One month of a pack."""

    span: str
    granted: str
    left: str
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class PackView:
    """One purchase with its months; those that are over are counted."""

    title: str
    words: str
    windows: Sequence[WindowRow]
    over: str
    monthly: int


def packs_of(
    account: Account, subscription: Subscription, clock: Clock
) -> Sequence[PackView]:
    """Every pack of a subscription, the oldest first, in three queries."""
    packs = QuotaPack.objects.filter(account=account, subscription=subscription)
    windows = QuotaWindow.objects.filter(account=account, pack__in=packs)
    by_pack: dict[int, list[QuotaWindow]] = {}
    for window in windows.order_by("number"):
        by_pack.setdefault(window.pack_id, []).append(window)
    asked = RefundRequest.objects.filter(account=account, state__in=OPEN)
    asked_back = set(asked.values_list("pack", flat=True))
    return [
        _pack(
            pack,
            by_pack.get(pack.pk, []),
            subscription,
            clock,
            is_asked_back=pack.pk in asked_back,
        )
        for pack in packs.order_by("anchor", "pk")
    ]


def _pack(
    pack: QuotaPack,
    windows: Sequence[QuotaWindow],
    subscription: Subscription,
    clock: Clock,
    *,
    is_asked_back: bool,
) -> PackView:
    """Its months that are not over; after the end, those that a renewal lengthens."""
    present = [
        window
        for window in windows
        if window.ends_at > clock.now or _may_grow(pack, window, subscription, clock)
    ]
    over = len(windows) - len(present)
    until = clock.moment(windows[-1].ends_at) if windows else ""
    words = f"Bought {clock.date(pack.anchor)}, until {until}"
    if pack.closed_at:
        words = f"Refunded {clock.date(pack.closed_at)}"
    elif pack.dropped_at:
        words += ". Not renewed again"
    elif is_asked_back:
        words += ". Refund asked for: auto-renewal leaves it out"
    elif pack.left_out_at and windows[-1].ends_at < subscription.ends_at:
        goes_on = windows[-1].ends_at > clock.now
        words += ". Left out of the last renewal"
        words += ", the next one can take it up again" if goes_on else ""
    return PackView(
        title=f"{pack.quantity:,} scans a month",
        words=words,
        windows=[_window(window, clock) for window in present],
        over=f"{plural(over, 'month')} before" if over else "",
        monthly=0 if pack.closed_at else pack.quantity,
    )


def _may_grow(
    pack: QuotaPack, window: QuotaWindow, subscription: Subscription, clock: Clock
) -> bool:
    natural = natural_end(pack.anchor, window.number, ZoneInfo(pack.zone))
    return can_grow(window.ends_at, natural, subscription.ends_at, clock.now)


def _window(window: QuotaWindow, clock: Clock) -> WindowRow:
    begun, over = window.starts_at <= clock.now, window.ends_at <= clock.now
    return WindowRow(
        span=f"{clock.date(window.starts_at)} to {clock.date(window.ends_at)}",
        granted=f"{window.granted_tenths // TENTHS:,}",
        left=format_quota(window.free_tenths) if begun else "",
        state="Waits for renewal" if over else "Now" if begun else "",
        tone="warn" if over else "ok",
    )
