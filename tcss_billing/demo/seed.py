"""What the demo shows, made through the same services that customers use."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from accounts.models import Account, User
from accounts.services import balance, opening
from quota.models import ImageSource
from quota.quotes import Basket
from quota.scanners.port import Category, Scanner
from quota.services import (
    advising,
    purchasing,
    reconciling,
    syncing,
)
from tcss_billing.demo import history, lives
from tcss_billing.demo.findings import decide_some
from tcss_billing.demo.images import assemble
from tcss_billing.demo.money import seed_money
from tcss_billing.demo.people import seed_people
from tcss_billing.demo.refunds import BUYER, SECOND, seed_refunds
from tcss_billing.demo.schedules import seed_schedule

Say = Callable[[str], object]
PEOPLE = (
    ("creator@demo.example", "Mei Tanaka"),
    ("resource@demo.example", "Ravi Shah"),
    ("finance@demo.example", "Ivo Brandt"),
    ("viewer@demo.example", "Lena Ortiz"),
)
STRANGER = ("stranger@demo.example", "Sam Outside")
STAFF = ("staff@demo.example", "Staff")
ALL = tuple(category.value for category in Category)


def set_passwords(password: str) -> None:
    """Give everyone in the demo this password."""
    for email, _ in (*PEOPLE, STRANGER, STAFF, SECOND, BUYER):
        user = User.objects.filter(email=email).first()
        if user and not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])


def seed(
    *, folder: Path, password: str, scanner: Scanner, now: datetime, say: Say
) -> None:
    """Make everything once; where the demo's account exists, nothing is done."""
    if Account.objects.filter(slug="halden-pay").exists():
        return
    say("Loading the starter set of advisories …")
    advising.load_starter()
    account = _people(password, now)
    _purchases(account, now)
    lives.live(account, now)
    seed_money(account, User.objects.get(email=STAFF[0]), now)
    say("Assembling images from what this machine has installed …")
    assemble(folder)
    ImageSource.objects.create(
        account=account, kind=ImageSource.Kind.OCI_LAYOUT, location=str(folder)
    )
    syncing.update_local_images(account=account, now=history.begun(account, now))
    say("Scanning most of them …")
    history.scan(account, scanner, now)
    seed_schedule(account, scanner, now)
    decide_some(account, now)
    seed_refunds(account, password, now)
    seed_people(account, now)
    say("Proving the books …")
    reconciling.prove(clock=lambda: now)


def _people(password: str, now: datetime) -> Account:
    made = [
        User.objects.create_user(email, password, name=name) for email, name in PEOPLE
    ]
    creator, resource, finance, viewer = made
    opened = now - timedelta(days=120)
    account = opening.open_account(
        slug="halden-pay",
        name="Halden Pay",
        zone="Asia/Singapore",
        currency="USD",
        creator=creator,
        now=opened,
    )
    flags = ((resource, True, False), (finance, False, True), (viewer, False, False))
    for user, is_global_resource, is_financial in flags:
        opening.add_member(
            account=account,
            user=user,
            is_global_resource=is_global_resource,
            is_financial=is_financial,
        )
    opening.open_account(
        slug="corvid-labs",
        name="Corvid Labs",
        zone="Europe/Berlin",
        currency="USD",
        creator=User.objects.create_user(STRANGER[0], password, name=STRANGER[1]),
        now=opened,
    )
    User.objects.create_superuser(STAFF[0], password, name=STAFF[1])
    return account


def _purchases(account: Account, now: datetime) -> None:
    """Professional Edition with a pack three months and twelve days ago, and another
    pack since."""
    first = history.begun(account, now)
    balance.top_up(
        account=account,
        amount=Decimal("856.00"),
        reference="demo:transfer",
        by=None,
        now=first - timedelta(days=1),
    )
    _buy(account, Basket(quantity=300, cores=8, months=7), first)
    _buy(account, Basket(quantity=300), now - timedelta(days=4, hours=6))


def _buy(account: Account, basket: Basket, now: datetime) -> None:
    by = account.members.get(is_creator=True).user
    quoted = purchasing.quote(account=account, basket=basket, now=now)
    purchasing.buy(
        account=account,
        basket=basket,
        state=quoted.state,
        total=quoted.total,
        key=uuid4(),
        by=by,
        now=now,
    )
