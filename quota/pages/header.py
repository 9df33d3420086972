"""The quota header in the upper left: one indexed query however long the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.models import Account
from accounts.statements import Statement
from quota.models import QuotaWindow, Subscription, Tariff
from quota.pages.pace import Pace, foreseen, pace_columns, since_when
from quota.pages.rail import Rail, percent, rail
from quota.pages.words import Clock
from quota.rules.forecast import Forecast
from quota.rules.lifecycle import DELETION, GRACE, SubscriptionState
from quota.rules.units import TENTHS, format_quota

COLUMNS = (
    "starts_at", "ends_at", "granted_tenths", "used_tenths", "held_tenths",
    "revoked_tenths", "free_tenths",
)  # fmt: skip


class OpenWindow(NamedTuple):
    """The columns of an open window that the header adds up, in tenths."""

    starts_at: datetime
    ends_at: datetime
    granted: int
    used: int
    held: int
    revoked: int
    free: int


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
    starts: str
    resets: str
    resets_at: str
    resets_iso: str
    packs: Sequence[PackRow]
    description: str
    rail: Rail | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing can be scanned: Professional Edition has ended, or was refunded."""

    title: str
    since: str
    words: str
    can_renew: bool


def pause_of(subscription: Subscription | None, clock: Clock) -> Pause | None:
    """What stands where the quota would, after the end until data is deleted; None
    before and after."""
    if subscription is None:
        return None
    end, state = subscription.ends_at, subscription.state(clock.now)
    deleted = f"Data is deleted {clock.within(end + DELETION)}."
    if subscription.refunded_at and state is not SubscriptionState.TERMINATED:
        since = f"Refunded {clock.within(subscription.refunded_at)}"
        words = f"{deleted} Bought again before then, results and history are kept."
        return Pause("Refunded", since, words, can_renew=False)
    since = f"Expired {clock.running_moment(end)}"
    if state is SubscriptionState.SUSPENDED:
        until = f"Renew by {clock.running_moment(end + GRACE)} to keep scan results."
        return Pause("Suspended", since, until, can_renew=True)
    if state is SubscriptionState.ENDING:
        words = f"Renewal has closed. {deleted}"
        return Pause("Ending", since, words, can_renew=False)
    return None


def paused(account: Account, now: datetime) -> Pause | None:
    """The pause of an account that has no open window."""
    newest = Subscription.objects.ended_after(account.pk, now - DELETION).first()
    return pause_of(newest, Clock(account, now))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands at an instant: what the pages of images rest on.
    ``history`` is since when results count, or would if a refunded Professional
    Edition was bought again (rules 5.2, 6, 8.7)."""

    subscription: Subscription | None
    state: SubscriptionState | None
    tariff: Tariff
    header: QuotaHeader | None
    history: datetime | None = None
    pause: "Pause | None" = None
    windows: Sequence[OpenWindow] = ()
    pace: Pace | None = None
    forecast: Forecast | None = None

    def is_first(self, scanned_at: datetime | None) -> bool:
        """Whether the next scan of an image last scanned then is its first."""
        since = self.history
        return scanned_at is None or since is None or scanned_at < since

    @property
    def is_active(self) -> bool:
        """Whether scanning and buying are possible."""
        return self.state is SubscriptionState.ACTIVE


def quota_header(account: Account, now: datetime) -> QuotaHeader | None:
    """The header of an account in one query, or None when no window is open."""
    return _header(open_windows(account, now), Clock(account, now))


def headers(accounts: Iterable[Account], now: datetime) -> dict[int, QuotaHeader]:
    """The headers of several accounts in one query, by account; those without an open
    window have none."""
    drawable = QuotaWindow.objects.drawable_of(accounts, now).order_by("ends_at", "pk")
    windows: dict[int, list[OpenWindow]] = defaultdict(list)
    for account_id, *columns in drawable.values_list("account", *COLUMNS):
        windows[account_id].append(OpenWindow(*columns))
    found = {
        account.pk: _header(windows[account.pk], Clock(account, now))
        for account in accounts
    }
    return {pk: header for pk, header in found.items() if header}


def standing(account: Account, now: datetime) -> Standing:
    """Where the account stands, in three queries."""
    found = SUBSCRIPTION.first(account=account.pk, kept=now - DELETION)
    newest: Subscription | None = found[0] if found else None
    subscription = newest if newest and not newest.refunded_at else None
    clock, tariff = Clock(account, now), _tariff(account.currency, now)
    rows = PACED.rows(account=account.pk, now=now, since=since_when(now))
    windows = [OpenWindow(*row[: len(COLUMNS)]) for row in rows]
    pace = Pace(*rows[0][len(COLUMNS) :]) if rows else None
    outlook = foreseen(pace, windows, tariff, clock) if pace else None
    return Standing(
        subscription=subscription,
        state=subscription.state(now) if subscription else None,
        tariff=tariff,
        header=_railed(windows, clock, outlook, subscription),
        history=newest.history if newest else None,
        pause=pause_of(newest, clock),
        windows=windows,
        pace=pace,
        forecast=outlook,
    )


def open_windows(account: Account, now: datetime) -> Sequence[OpenWindow]:
    """The windows scans may draw from, the one that closes first leading: what the
    header shows as left is what a scan can hold."""
    return [OpenWindow(*row) for row in WINDOWS.rows(account=account.pk, now=now)]


def _windows(account: int, now: datetime) -> QuerySet[QuotaWindow, tuple[Any, ...]]:
    windows = QuotaWindow.objects.drawable_at(account, now).order_by("ends_at", "pk")
    return windows.values_list(*COLUMNS)


def _paced(
    account: int, now: datetime, since: datetime
) -> QuerySet[QuotaWindow, tuple[Any, ...]]:
    """The same windows, and beside them the columns of the pace."""
    columns = pace_columns(account, now, since)
    windows = QuotaWindow.objects.drawable_at(account, now).annotate(**columns)
    return windows.order_by("ends_at", "pk").values_list(*COLUMNS, *columns)


def _subscription(account: int, kept: datetime) -> QuerySet[Subscription]:
    return Subscription.objects.ended_after(account, kept)[:1]


def _tariffs(currency: str, now: datetime) -> QuerySet[Tariff]:
    return Tariff.objects.valid(currency, now)[:1]


WINDOWS = Statement(_windows, {"account": int, "now": datetime})
PACED = Statement(_paced, {"account": int, "now": datetime, "since": datetime})
SUBSCRIPTION = Statement(
    _subscription, {"account": int, "kept": datetime}, Subscription
)
TARIFF = Statement(_tariffs, {"currency": str, "now": datetime}, Tariff)


def _tariff(currency: str, now: datetime) -> Tariff:
    found = TARIFF.first(currency=currency, now=now)
    if found is None:
        raise Tariff.DoesNotExist(f"No tariff in {currency} is in force.")
    tariff: Tariff = found[0]
    return tariff


def _header(
    windows: Sequence[OpenWindow],
    clock: Clock,
    subscription: Subscription | None = None,
) -> QuotaHeader | None:
    if not windows:
        return None
    total = sum(window.granted - window.revoked for window in windows)
    used = sum(window.used for window in windows)
    held = sum(window.held for window in windows)
    left = sum(window.free for window in windows)
    first = windows[0]
    until = clock.moment(subscription.ends_at) if subscription else ""
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
        starts=clock.date(first.starts_at),
        resets=clock.date(first.ends_at),
        resets_at=clock.moment(first.ends_at),
        resets_iso=clock.iso(first.ends_at),
        packs=[_row(window, clock, until) for window in windows],
        description=(
            f"{format_quota(left)} of {format_quota(total)} left, "
            f"{format_quota(used)} used, {format_quota(held)} held. "
            f"Resets {clock.moment(first.ends_at)}."
        ),
    )


def _railed(
    windows: Sequence[OpenWindow],
    clock: Clock,
    outlook: Forecast | None,
    subscription: Subscription | None,
) -> QuotaHeader | None:
    """The header with the month as a rail under it, and the forecast."""
    header = _header(windows, clock, subscription)
    if header is None:
        return None
    drawn = rail(
        left_tenths=header.left_tenths,
        starts_at=windows[0].starts_at,
        ends_at=windows[0].ends_at,
        found=outlook,
        clock=clock,
    )
    words = f"{header.description} {drawn.words}."
    return replace(header, rail=drawn, description=words)


def _row(window: OpenWindow, clock: Clock, until: str) -> PackRow:
    return PackRow(
        quantity=f"{window.granted // TENTHS:,}",
        left=format_quota(window.free),
        resets=clock.moment(window.ends_at),
        until=until,
    )
