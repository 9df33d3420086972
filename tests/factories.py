"""Valid and boring rows; a test names only what it is about."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from factory.declarations import LazyAttribute, Sequence, Trait
from factory.django import DjangoModelFactory, Password

from accounts.models import Account, Member, User
from accounts.services import balance
from accounts.services.opening import open_account
from quota.models import Image, Kind, Order, Scan, ScanTask, Scope, Selection
from quota.quotes import Basket, RenewalBasket
from quota.scanners.port import Assessment, Category, Finding, Report, Severity
from quota.services import ending, purchasing, renewing, scanning, working
from quota.services.scanning import ScanRequest

LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)
ALL = tuple(category.value for category in Category)


class UserFactory(DjangoModelFactory[User]):
    """A person who can sign in with ``password``."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"person{n}@example.com")
    email_verified_at = LONG_AGO
    name = Sequence(lambda n: f"Person {n}")
    password = Password("correct horse")


class ImageFactory(DjangoModelFactory[Image]):
    """A local linux/amd64 image that was never scanned."""

    class Meta:
        model = Image

    digest = Sequence(lambda n: f"sha256:{hashlib.sha256(str(n).encode()).hexdigest()}")
    os = "linux"
    architecture = "amd64"
    size = 1_000_000
    first_seen_at = LONG_AGO
    active_at = LONG_AGO
    is_local = True
    name = Sequence(lambda n: f"team/app-{n:06}")
    tag = "1.0"
    tags = 1

    class Params:
        in_registry = Trait(
            is_repository=True,
            repository=LazyAttribute(lambda image: image.name or "team/app"),
            repository_tag="1.0",
            repository_tags=1,
            repository_search=LazyAttribute(
                lambda image: f"{image.name or 'team/app'}:1.0 {image.digest[7:19]}"
            ),
        )


def account_with(
    *,
    quantity: int = 300,
    months: int = 2,
    now: datetime,
    zone: str = "UTC",
    slug: str = "halden-pay",
    spare: Decimal | int = 1000,
) -> Account:
    """An account that bought Professional Edition and one pack (0: no pack) at ``now``,
    with ``spare`` dollars left."""
    creator = UserFactory.create()
    account = open_account(
        slug=slug,
        name="Halden Pay",
        zone=zone,
        currency="USD",
        creator=creator,
        now=now,
    )
    basket = Basket(quantity=quantity, cores=1, months=months)
    price = purchasing.quote(account=account, basket=basket, now=now).total
    top_up(account, price + spare, now)
    buy(account, basket, now)
    account.refresh_from_db()
    return account


def top_up(account: Account, amount: Decimal | int, now: datetime) -> None:
    """Put money on the balance."""
    balance.top_up(
        account=account,
        amount=Decimal(amount),
        reference=f"test:{uuid4()}",
        by=None,
        now=now,
    )


def buy(account: Account, basket: Basket, now: datetime) -> Order:
    """Buy what was just quoted."""
    quoted = purchasing.quote(account=account, basket=basket, now=now)
    return purchasing.buy(
        account=account,
        basket=basket,
        state=quoted.state,
        total=quoted.total,
        key=uuid4(),
        by=None,
        now=now,
        accepts_short=quoted.asks_extra_tick,
    )


def renew(
    account: Account,
    now: datetime,
    *,
    months: int = 1,
    kept: dict[int, int] | None = None,
    at: datetime | None = None,
) -> Order:
    """Renew at what is quoted ``now``, pressed then or ``at`` a later instant."""
    basket = RenewalBasket(months, kept or {})
    quoted = renewing.quote(account=account, basket=basket, now=now)
    return renewing.renew(
        account=account,
        basket=basket,
        state=quoted.state,
        total=quoted.total,
        key=uuid4(),
        by=None,
        now=at or now,
    )


def creator_of(account: Account) -> User:
    """The account's creator."""
    return (
        Member.objects.select_related("user").get(account=account, is_creator=True).user
    )


def member_of(
    account: Account, *, resource: bool = False, financial: bool = False
) -> User:
    """A new collaborator with these flags."""
    user = UserFactory.create()
    Member.objects.create(
        account=account, user=user, is_global_resource=resource, is_financial=financial
    )
    return user


def press(
    account: Account,
    images: list[Image],
    now: datetime,
    kind: Kind = Kind.LOCAL,
    by: User | None = None,
) -> ScanTask:
    """Press *Scan now* on ticked images."""
    return scanning.reserve(
        account=account,
        request=ScanRequest(
            selection=Selection(
                Scope.SELECTED, ids=tuple(i.pk for i in images), kind=kind
            ),
            categories=ALL,
            title="Selected local images",
        ),
        agreed=None,
        key=uuid4(),
        by=by,
        now=now,
    )


def report(findings: int = 1) -> Report:
    """A report in which every category was assessed and vulnerabilities were found."""
    return Report(
        findings=tuple(
            Finding(
                category=Category.VULNERABILITIES,
                severity=Severity.HIGH,
                identifier=f"CVE-2026-{number:04}",
                title="A test finding",
                package="openssl",
                version="3.0.9-1",
            )
            for number in range(findings)
        ),
        assessments=tuple(
            Assessment(category, "test 1.0", None, ("everything",), (), assessed=True)
            for category in Category
        ),
    )


def finish(account: Account, now: datetime, *, fails: bool = False) -> int:
    """Claim and end whatever the account has queued."""
    total = 0
    while claimed := working.claim(account_id=account.pk, limit=1000, now=now):
        outcome = Scan.Outcome.FAILED if fails else Scan.Outcome.SUCCEEDED
        ended = [
            ending.Ended(
                scan.pk,
                claimed.token,
                outcome,
                "The layer is broken." if fails else "",
                None if fails else report(),
            )
            for scan in claimed.scans
        ]
        total += ending.end(
            account_id=account.pk, ended=ended, now=now + timedelta(seconds=1)
        )
    return total
