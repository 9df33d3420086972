"""A charge from beginning to end that leaves nothing behind: can one be made?"""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from django.db import connection, transaction

from accounts.models import Account, User
from accounts.services import balance
from accounts.services.opening import open_account
from quota.errors import NotActive
from quota.models import Image, Scan, Scope, Selection, Tariff
from quota.quotes import Basket
from quota.scanners.port import Assessment, Category, Report
from quota.services import ending, purchasing, scanning, working
from quota.services.ending import Ended
from quota.services.scanning import ScanRequest

# Whoever asks whether we are ready does not wait for long.
LIMITS = ("SET LOCAL lock_timeout = '2s'", "SET LOCAL statement_timeout = '2s'")
LOOKED = Report(
    findings=(),
    assessments=(Assessment(Category.TROJANS, "canary", None, (), (), assessed=True),),
)


def charge(*, now: datetime) -> None:
    """Buy, hold, use and give back quota of an account made for it, then undo it all.

    It goes the way of a customer's charge, so it meets what would stop one: a table, a
    right or a constraint that is not as it should be, a server that only reads. Raises
    what stopped it.
    """
    with transaction.atomic():
        _run(*LIMITS)
        account = _bought(now)
        _scanned(account, now)
        _run("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def _bought(now: datetime) -> Account:
    tariff = Tariff.objects.filter(valid_from__lte=now).order_by("-valid_from").first()
    if tariff is None:
        raise NotActive("Nothing is for sale: no tariff is in force.")
    name = f"canary-{uuid4().hex}"
    account = open_account(
        slug=name,
        name="Canary",
        zone="UTC",
        currency=tariff.currency,
        creator=User.objects.create(email=f"{name}@localhost.invalid"),
        now=now,
    )
    basket = Basket(quantity=tariff.step, cores=1, months=1)
    quoted = purchasing.quote(account=account, basket=basket, now=now)
    balance.top_up(
        account=account,
        amount=max(quoted.total, Decimal(1)),
        reference=name,
        by=None,
        now=now,
    )
    purchasing.buy(
        account=account,
        basket=basket,
        state=quoted.state,
        total=quoted.total,
        key=uuid4(),
        by=None,
        now=now,
    )
    return account


def _scanned(account: Account, now: datetime) -> None:
    """Two images: a scan with a result is used, one without is given back."""
    images = [
        Image.objects.create(
            account=account,
            digest=f"sha256:{uuid4().hex}{uuid4().hex}",
            os="linux",
            architecture="amd64",
            size=1,
            first_seen_at=now,
            active_at=now,
            is_local=True,
        )
        for _ in range(2)
    ]
    scanning.reserve(
        account=account,
        request=ScanRequest(
            Selection(Scope.SELECTED, ids=tuple(image.pk for image in images)),
            categories=(Category.TROJANS.value,),
            title="Canary",
        ),
        agreed=None,
        key=uuid4(),
        by=None,
        now=now,
    )
    claimed = working.claim(account_id=account.pk, limit=2, now=now)
    assert claimed  # noqa: S101 -- held in this very transaction
    used, returned = claimed.scans
    ended = [
        Ended(used.pk, claimed.token, Scan.Outcome.SUCCEEDED, report=LOOKED),
        Ended(returned.pk, claimed.token, Scan.Outcome.FAILED, "Only a canary."),
    ]
    ending.end(account_id=account.pk, ended=ended, now=now)


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
