"""Connecting registries: the rows, their passwords, and whether they answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce

from accounts.credentials import CredentialUnreadable, Secret
from accounts.models import Account, User
from quota.errors import RegistryRefused
from quota.models import Registry, RegistrySync
from quota.models.sql import run
from quota.services import sightings
from quota.sources.content import SourceError
from quota.sources.distribution import Access
from quota.sources.reach import Reach, RegistryFailure
from quota.sources.registry import Door, RegistrySource

HOUR = timedelta(hours=1)
MOST = 100


class PullLimitReached(RegistryFailure):
    """As much was pulled this hour as the customer allows; it goes on at ``until``."""

    def __init__(self, limit: int, until: datetime, at: str) -> None:
        super().__init__(
            f"The pull limit of {limit:,} an hour is reached.",
            f"Wait until {at}, or allow more.",
        )
        self.until = until


@dataclass(frozen=True, slots=True)
class Details:
    """What a customer says of a registry, but for its password."""

    name: str
    type: str
    address: str
    username: str = ""
    verify_certificate: bool = True
    ca_certificate: str = ""
    pull_limit: int | None = None
    only: tuple[str, ...] = ()
    scanner: str = ""

    def columns(self) -> dict[str, object]:
        """The columns of the row."""
        return {
            "name": self.name,
            "type": self.type,
            "address": self.address,
            "username": self.username,
            "verify_certificate": self.verify_certificate,
            "ca_certificate": self.ca_certificate,
            "pull_limit": self.pull_limit,
            "only": list(self.only),
            "scanner": self.scanner,
        }


@transaction.atomic
def connect(
    *, account: Account, details: Details, password: str, by: User | None, now: datetime
) -> Registry:
    """Connect a registry. Refuses a name that is taken, and more than a hundred."""
    Account.objects.lock(account.pk)
    _check_name(account.pk, details.name)
    if Registry.objects.filter(account=account).count() >= MOST:
        raise RegistryRefused(f"An account can connect at most {MOST} registries.")
    return Registry.objects.create(
        account=account,
        password=Secret.seal(password),
        created_by=by,
        created_at=now,
        **details.columns(),
    )


@transaction.atomic
def change(*, registry: Registry, details: Details, password: str) -> Registry:
    """Change a registry; an empty ``password`` keeps the one it has.

    Refuses to keep it for another address, user or certificate: whoever may change
    these could otherwise have it sent to a place of their own. What was wrong is
    forgotten.
    """
    Account.objects.lock(registry.account_id)
    _check_name(registry.account_id, details.name, registry.pk)
    row = Registry.objects.get(account=registry.account_id, pk=registry.pk)
    keeps = row.password and not password and details.username
    if keeps and _sent_to(row) != _sent_to(details):
        raise RegistryRefused(
            "Enter the password again: it is only kept for the address, user and"
            " certificate it was entered for."
        )
    for column, value in details.columns().items():
        setattr(row, column, value)
    if password:
        row.password = Secret.seal(password)
    elif not details.username:
        row.password = Secret()
    row.failing_since, row.problem, row.remedy = None, "", ""
    row.save(
        update_fields=[
            *details.columns(), "password", "failing_since", "problem", "remedy",
        ]
    )  # fmt: skip
    return row


def _sent_to(place: Registry | Details) -> tuple[object, ...]:
    """To whom a password goes, and how sure that is."""
    certificate = place.ca_certificate.split()
    return place.address, place.username, place.verify_certificate, certificate


def _check_name(account_id: int, name: str, own: int = 0) -> None:
    taken = Registry.objects.filter(account=account_id, name__iexact=name)
    if taken.exclude(pk=own).exists():
        raise RegistryRefused(f"There is a registry called {name} already.")


@transaction.atomic
def remove(*, registry: Registry) -> int:
    """Disconnect a registry: its password and syncs are deleted, its images leave the
    list, their history stays. Returns how many images were seen there; a second call
    finds none."""
    account_id = registry.account_id
    Account.objects.lock(account_id)
    mine = {"account": account_id, "registry": registry.pk}
    images = [image for (image,) in run(FORGET_ALL, mine)]
    RegistrySync.objects.filter(**mine).delete()
    Registry.objects.filter(account=account_id, pk=registry.pk).delete()
    sightings.describe(account_id, images)
    return len(set(images))


FORGET_ALL = """
    DELETE FROM quota_sighting
    WHERE account_id = %(account)s AND registry_id = %(registry)s
    RETURNING image_id
"""


def check(*, registry: Registry, now: datetime) -> Registry:
    """Ask the registry whether images could be read from it, and keep the answer with
    the row. No transaction is open meanwhile."""
    try:
        source = opened(registry)
        try:
            source.check()
        finally:
            source.close()
    except SourceError as problem:
        failed(registry, problem, now)
    else:
        Registry.objects.filter(account=registry.account_id, pk=registry.pk).update(
            checked_at=now, failing_since=None, problem="", remedy=""
        )
    registry.refresh_from_db()
    return registry


def failed(registry: Registry, problem: SourceError, now: datetime) -> None:
    """Keep what is wrong with a registry, and since when."""
    reason, remedy = explained(problem)
    Registry.objects.filter(account=registry.account_id, pk=registry.pk).update(
        checked_at=now,
        problem=reason,
        remedy=remedy,
        failing_since=Coalesce("failing_since", now),
    )


def explained(problem: SourceError) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    if isinstance(problem, RegistryFailure):
        return problem.reason, problem.remedy
    reason, dot, step = str(problem)[:500].rpartition(". ")
    return (f"{reason}.", step) if dot else (step, "")


def opened(
    registry: Registry,
    *,
    seconds_left: Callable[[], float] = lambda: 60.0,
    before_pull: Callable[[], object] = lambda: None,
    door: Door | None = None,
) -> RegistrySource:
    """Open a registry. Its password is read from the row here and nowhere else, so that
    no job, log or page ever carries it."""
    try:
        password = registry.password.reveal()
    except CredentialUnreadable as lost:
        raise RegistryFailure(
            "The stored password can no longer be read.", "Enter it again."
        ) from lost
    access = Access(
        address=registry.address,
        username=registry.username,
        password=password,
        verify=registry.verify_certificate,
        ca=registry.ca_certificate,
        reach=Reach(private=settings.REGISTRIES_MAY_BE_PRIVATE),
    )
    return RegistrySource(
        access,
        registry.only,
        seconds_left=seconds_left,
        before_pull=before_pull,
        door=door,
    )


def take_pull(registry: Registry, now: datetime) -> None:
    """Count one pull. Refuses (PullLimitReached) what is over the customer's limit."""
    if registry.pull_limit is None:
        return
    taken = run(
        TAKE_PULL,
        {
            "account": registry.account_id,
            "registry": registry.pk,
            "now": now,
            "hour_ago": now - HOUR,
        },
    )
    if not taken:
        registry.refresh_from_db(fields=["hour_began_at"])
        until = (registry.hour_began_at or now) + HOUR
        local = until.astimezone(registry.account.zone_info)
        raise PullLimitReached(registry.pull_limit, until, f"{local:%H:%M}")


TAKE_PULL = """
    UPDATE quota_registry
    SET pulls = CASE WHEN hour_began_at > %(hour_ago)s THEN pulls + 1 ELSE 1 END,
        hour_began_at = CASE WHEN hour_began_at > %(hour_ago)s THEN hour_began_at
                        ELSE %(now)s END
    WHERE account_id = %(account)s AND id = %(registry)s
      AND (hour_began_at IS NULL OR hour_began_at <= %(hour_ago)s OR pulls < pull_limit)
    RETURNING pulls
"""


def rotate() -> int:
    """Encrypt every stored password with the first of the operator's keys; returns how
    many. One no key fits is left as it is, for its owner to enter again."""
    count = 0
    rows = Registry.objects.exclude(password="").only("pk", "account", "password")
    for registry in rows.order_by("pk").iterator():
        try:
            rotated = registry.password.rotated()
        except CredentialUnreadable:
            continue
        # Only what was read is replaced: a password entered meanwhile wins.
        count += Registry.objects.filter(
            account=registry.account_id,
            pk=registry.pk,
            password=registry.password.token,
        ).update(password=rotated)
    return count
