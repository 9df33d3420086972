"""What tests do with registries, through the services that customers use."""

from datetime import datetime
from typing import Any

from accounts.models import Account
from quota.models import Image, Kind, Registry, RegistrySync, Scan, Sighting
from quota.scanners import Engines
from quota.services import registries, registry_reading, registry_syncs, working
from quota.services.advising import StoredAdvisories
from quota.services.registries import Details
from tests.factories import press
from tests.registries.real import PASSWORD, RealRegistry


def connect(
    account: Account, address: str, now: datetime, *, password: str = "", **more: Any
) -> Registry:
    details = Details(name=more.pop("name", "registry-eu"), type="docker",
                      address=address, **more)  # fmt: skip
    return registries.connect(
        account=account, details=details, password=password, by=None, now=now
    )


def connect_real(account: Account, real: RealRegistry, now: datetime) -> Registry:
    return connect(
        account, real.address, now, username="reader", password=PASSWORD,
        ca_certificate=real.ca,
    )  # fmt: skip


def sync(registry: Registry, now: datetime, *, is_full: bool = False) -> RegistrySync:
    registry_syncs.request(
        account=registry.account, registries=[registry], is_full=is_full, by=None,
        now=now,
    )  # fmt: skip
    begun = RegistrySync.objects.filter(registry=registry).latest("pk")
    registry_reading.work(
        account_id=registry.account_id, sync_id=begun.pk, clock=lambda: now
    )
    begun.refresh_from_db()
    return begun


def resume(run: RegistrySync, now: datetime) -> None:
    registry_reading.work(account_id=run.account_id, sync_id=run.pk, clock=lambda: now)


def listed(account: Account) -> dict[str, str]:
    rows = Sighting.objects.filter(account=account, registry__isnull=False)
    return {f"{row.name}:{row.tag}": row.image.digest for row in rows}


def scan(account: Account, now: datetime) -> Scan:
    images = list(Image.objects.filter(account=account))
    kind = Kind.REPOSITORY if images[0].is_repository else Kind.LOCAL
    press(account, images, now, kind)
    scanner = Engines(StoredAdvisories()).chosen("builtin")
    working.work(account_id=account.pk, scanner=scanner, clock=lambda: now)
    return Scan.objects.latest("pk")
