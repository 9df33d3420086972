"""Reading registries: asked for or nightly, page by page, resumed where it stopped."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Account, User
from quota.models import Registry, RegistrySync, Subscription
from quota.rules.dates import instant_of, local_date
from quota.rules.lifecycle import SubscriptionState
from quota.services import waking
from quota.services.sweeping import in_turn

LEASE = timedelta(seconds=120)
NIGHT = (time(0), time(3))
NIGHT_MINUTES = 180
SPREAD_MINUTES = 170


@transaction.atomic
def request(
    *,
    account: Account,
    registries: Sequence[Registry],
    is_full: bool,
    by: User | None,
    now: datetime,
) -> int:
    """Have registries read now; returns how many syncs that began. One that is being
    read already is left to it."""
    Account.objects.lock(account.pk)
    live = set(_live().filter(account=account).values_list("registry", flat=True))
    begun = RegistrySync.objects.bulk_create(
        RegistrySync(
            account=account,
            registry=registry,
            is_full=is_full,
            requested_by=by,
            requested_at=now,
        )
        for registry in registries
        if registry.pk not in live
    )
    for sync in begun:
        waking.wake_sync(account.pk, sync.pk)
    return len(begun)


def begin_nightly(*, now: datetime) -> int:
    """Begin tonight's syncs whose minute has come, in every account whose local time
    lies between 00:00 and 03:00; returns how many that were.

    Their minutes are spread over the night, which is shorter or longer where the clock
    moves. What nobody began then is begun in as long a time after it. The night's date
    is a key, so that each registry is read once however often and by however many this
    is called.
    """
    return in_turn(_due_tonight(now), lambda registry: _begin(registry, now))


def _due_tonight(now: datetime) -> Iterator[Registry]:
    names = Registry.objects.values_list("account__zone", flat=True).distinct()
    for name in names.order_by("account__zone"):
        zone = ZoneInfo(name)
        night = local_date(now, zone)
        begins, ends = (instant_of(night, clock, zone) for clock in NIGHT)
        minute = (now - begins) * NIGHT_MINUTES // (ends - begins)
        if minute < 2 * NIGHT_MINUTES:
            yield from _due_in(name, night, minute)


def _due_in(zone: str, night: date, minute: int) -> Iterator[Registry]:
    """Registries of this zone whose minute has come, without those read tonight."""
    read = RegistrySync.objects.filter(night=night).values("registry")
    waiting = Registry.objects.filter(account__zone=zone).exclude(pk__in=read)
    for registry in waiting.only("pk", "account").order_by("account", "pk").iterator():
        if crc32(f"{registry.pk}:{night}".encode()) % SPREAD_MINUTES <= minute:
            yield registry


@transaction.atomic
def _begin(registry: Registry, now: datetime) -> int:
    account_id = registry.account_id
    subscription = Subscription.objects.current(account_id, now)
    if not subscription or subscription.state(now) is not SubscriptionState.ACTIVE:
        return 0
    night = local_date(now, Account.objects.lock(account_id).zone_info)
    mine = RegistrySync.objects.filter(account=account_id, registry=registry)
    if mine.filter(Q(ended_at=None) | Q(night=night)).exists():
        return 0
    sync = RegistrySync.objects.create(
        account_id=account_id, registry=registry, night=night, requested_at=now
    )
    waking.wake_sync(account_id, sync.pk)
    return 1


def wake_waiting(*, now: datetime) -> int:
    """Wake a worker for each sync that nobody reads: not begun, paused until now, or
    left behind by a worker that died."""
    waiting = _live().filter(unclaimed(now)).order_by("requested_at", "pk")
    found = list(waiting.values_list("account", "pk"))
    for account_id, sync_id in found:
        waking.wake_sync(account_id, sync_id)
    return len(found)


def _live() -> QuerySet[RegistrySync]:
    return RegistrySync.objects.filter(ended_at=None)


def unclaimed(now: datetime) -> Q:
    """Nobody reads it, and it need not wait any longer."""
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    return free & (Q(resume_at=None) | Q(resume_at__lte=now))
