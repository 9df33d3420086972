"""Starting, stopping and repeating scan tasks: the verbs of *Scan now*."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.errors import KeyReused
from accounts.models import Account, User
from accounts.money import to_cents
from quota import candidates, ledger
from quota.candidates import Candidates, ScanQuote
from quota.errors import (
    AlreadyBegun,
    AlreadyScanning,
    InsufficientQuota,
    NotActive,
    NothingFits,
    NothingToScan,
    QuoteMoved,
)
from quota.models import (
    Image,
    QuotaWindow,
    Scan,
    ScanTask,
    Scope,
    Selection,
    Subscription,
    Tariff,
)
from quota.models.scans import DEFAULT_TIME_LIMIT
from quota.models.windows import QuotaWindowQuerySet
from quota.rules.allocation import Draw, Room, available_tenths, draws, in_draw_order
from quota.rules.lifecycle import SubscriptionState
from quota.rules.units import TENTHS
from quota.services import ending, waking
from quota.services.plans import plan_for

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a press of *Scan now* asks for. Nothing starts after ``stop_by``."""

    selection: Selection
    categories: tuple[str, ...]
    title: str
    time_limit: int = DEFAULT_TIME_LIMIT
    fit: bool = False
    stop_by: datetime | None = None

    @property
    def retry_of(self) -> int | None:
        """The task whose failed images these are."""
        return self.selection.task if self.selection.scope is Scope.RETRY else None

    def asked(self) -> dict[str, object]:
        """The request as plain data, kept with the task to recognise a replay."""
        return {
            "selection": self.selection.asked(),
            "categories": sorted(self.categories),
            "time_limit": self.time_limit,
            "fit": self.fit,
        }


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the person saw when pressing: the set of images and the most it may cost."""

    fingerprint: str
    cost_tenths: int
    images: int


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a quote and a press both stand on, read or locked at one instant."""

    subscription: Subscription
    tariff: Tariff
    windows: list[QuotaWindow]
    images: QuerySet[Image]

    def candidates(self) -> Candidates:
        return candidates.candidates(
            account_id=self.subscription.account_id,
            images=self.images,
            tariff=self.tariff,
            history=self.subscription.history,
        )

    @property
    def available_tenths(self) -> int:
        return available_tenths(rooms(self.windows))


def rooms(windows: Iterable[QuotaWindow]) -> list[Room]:
    """These windows as the allocation rule sees them, in draw order."""
    return in_draw_order(
        Room(
            window_id=window.pk,
            free_tenths=window.free_tenths,
            ends_at=window.ends_at,
            pack_anchor=window.pack.anchor,
            pack_id=window.pack_id,
        )
        for window in windows
    )


def _ground(
    account: Account, selection: Selection, now: datetime, windows: list[QuotaWindow]
) -> _Ground:
    subscription = Subscription.objects.current(account.pk, now)
    if subscription is None:
        raise NotActive("Scanning needs Professional Edition and image scan quota.")
    if subscription.state(now) is not SubscriptionState.ACTIVE:
        raise NotActive("Professional Edition has expired, so nothing can be scanned.")
    return _Ground(
        subscription=subscription,
        tariff=Tariff.objects.in_force(account.currency, now),
        windows=windows,
        images=selection.images(account.pk, now),
    )


def _open_windows(account: Account, now: datetime) -> QuotaWindowQuerySet:
    return QuotaWindow.objects.drawable_at(account.pk, now).select_related("pack")


def quote(*, account: Account, selection: Selection, now: datetime) -> ScanQuote:
    """Count and price a scan of ``selection`` without starting it (rules 5.4)."""
    return quotes(account=account, selections={None: selection}, now=now)[None]


def quotes(
    *, account: Account, selections: Mapping[K, Selection], now: datetime
) -> dict[K, ScanQuote]:
    """Count and price each of several selections, on one reading of the account."""
    windows = list(_open_windows(account, now).select_related("tariff"))
    ground: _Ground | None = None
    priced = {}
    for name, selection in selections.items():
        if ground is None:
            ground = _ground(account, selection, now, windows)
        ground = replace(ground, images=selection.images(account.pk, now))
        priced[name] = _quoted(ground)
    return priced


def _quoted(ground: _Ground) -> ScanQuote:
    everything = ground.candidates()
    available = ground.available_tenths
    short = everything.cost_tenths > available
    fit = candidates.fitting(everything, ground.tariff, available) if short else None
    drawn = min(everything.cost_tenths, available)
    return ScanQuote(everything, fit, available, _worth(ground.windows, drawn))


def _worth(windows: list[QuotaWindow], cost_tenths: int) -> Decimal:
    prices = {window.pk: window.tariff.quota_price for window in windows}
    exact = sum(
        (
            (draw.to_tenths - draw.from_tenths) * prices[draw.window_id] / TENTHS
            for draw in draws(cost_tenths, rooms(windows))
        ),
        Decimal(0),
    )
    return to_cents(exact)


@transaction.atomic
def reserve(
    *,
    account: Account,
    request: ScanRequest,
    agreed: Agreed | None,
    key: UUID,
    by: User | None,
    now: datetime,
) -> ScanTask:
    """Start a task and set its quota aside, or change nothing at all.

    A second call with the same ``key`` returns the first call's task, with another
    request it is refused (409). Refuses a set or a cost other than what was ``agreed``
    (409), what does not fit (422, with the numbers), and a task without an image
    (rules 5.4 to 5.7). The number of statements does not grow with the images.
    """
    locked = Account.objects.lock(account.pk)
    if earlier := ScanTask.objects.filter(account=locked, key=key).first():
        if earlier.asked != request.asked():
            raise KeyReused
        return earlier
    windows = _open_windows(locked, now).locked()
    ground = _ground(locked, request.selection, now, windows)
    wanted = _wanted(ground, request, agreed)
    planned = draws(wanted.cost_tenths, rooms(windows))
    return _started(ground, request, wanted, planned, key, by, now)


def _wanted(ground: _Ground, request: ScanRequest, agreed: Agreed | None) -> Candidates:
    everything = ground.candidates()
    available = ground.available_tenths
    _check_not_empty(everything)
    if agreed and agreed.fingerprint != everything.fingerprint:
        raise QuoteMoved(
            "The images changed since this cost was shown. Check and press again."
        )
    wanted = everything
    if request.fit:
        limit = min(available, agreed.cost_tenths) if agreed else available
        fit = candidates.fitting(everything, ground.tariff, limit)
        wanted = replace(fit, left_out=everything.left_out)
    elif everything.cost_tenths > available:
        raise InsufficientQuota(
            needed_tenths=everything.cost_tenths, available_tenths=available
        )
    if not wanted.images:
        raise NothingFits
    _check_agreed(wanted, request, agreed)
    return wanted


def _check_not_empty(everything: Candidates) -> None:
    if everything.images:
        return
    if everything.left_out == 1:
        raise AlreadyScanning("This image is already being scanned.")
    if everything.left_out:
        raise NothingToScan("All of these images are already being scanned.")
    raise NothingToScan("Choose at least one image.")


def _check_agreed(
    wanted: Candidates, request: ScanRequest, agreed: Agreed | None
) -> None:
    if agreed is None:
        return
    fewer = request.fit and wanted.images < agreed.images
    if fewer or wanted.cost_tenths > agreed.cost_tenths:
        raise QuoteMoved(
            "The cost changed since it was shown. Check the new cost, then press again."
        )


def _started(
    ground: _Ground,
    request: ScanRequest,
    wanted: Candidates,
    planned: list[Draw],
    key: UUID,
    by: User | None,
    now: datetime,
) -> ScanTask:
    task = ScanTask.objects.create(
        account_id=ground.subscription.account_id,
        key=key,
        kind=request.selection.kind.value,
        asked=request.asked(),
        title=request.title,
        categories=list(request.categories),
        time_limit=request.time_limit,
        images=wanted.images,
        left_out=wanted.left_out,
        cost_tenths=wanted.cost_tenths,
        requested_by=by,
        requested_at=now,
        retry_of_id=request.retry_of,
        stop_by=request.stop_by,
    )
    plan_for(wanted.images)
    candidates.queue_scans(
        task=task,
        images=ground.images,
        tariff=ground.tariff,
        history=ground.subscription.history,
        within=wanted.cost_tenths,
    )
    ledger.hold(task=task, draws=planned)
    waking.wake_scanners(task.account_id)
    return task


@transaction.atomic
def stop(*, task: ScanTask, by: User, now: datetime) -> int:
    """Stop a task: running scans finish, the rest give back their quota at once.

    Returns how many scans were released; a second call releases none.
    """
    Account.objects.lock(task.account_id)
    scans = Scan.objects.filter(account=task.account_id, task=task)
    released = ending.release_queued(
        task.account_id, scans, Scan.Outcome.STOPPED, f"Stopped by {by}.", now
    )
    ScanTask.objects.filter(
        account=task.account_id, pk=task.pk, stopped_at=None, undone_at=None
    ).update(stopped_by=by, stopped_at=now)
    return released


@transaction.atomic
def undo(*, task: ScanTask, by: User, now: datetime) -> int:
    """Take a task back before its first image starts, as if nobody had pressed.

    Returns how many scans were released; a second call releases none. Refuses once
    a worker has begun with it (409): then it can only be stopped.
    """
    Account.objects.lock(task.account_id)
    scans = Scan.objects.filter(account=task.account_id, task=task)
    untouched = scans.filter(state="queued", attempts=0).order_by("pk")
    left = len(untouched.select_for_update().values_list("pk"))
    if ScanTask.objects.filter(pk=task.pk, undone_at__isnull=False).exists():
        return 0
    if left < task.images:
        raise AlreadyBegun
    undone = ending.release_queued(
        task.account_id, scans, Scan.Outcome.UNDONE, f"Undone by {by}.", now
    )
    ScanTask.objects.filter(account=task.account_id, pk=task.pk).update(
        stopped_by=by, undone_at=now
    )
    return undone
