"""Each claim that reconcile proves is false once one row is wrong, and it says so.

The rows are changed by the owner of a database that has neither constraints nor
triggers: what no program can do to them, a disk or a person with a password can.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from accounts.models import Account, TopUp
from accounts.services import adjusting, balance, topping_up
from quota.models import OrderLine
from quota.quotes import Basket
from quota.services import invoicing, windows
from quota.services.reconciling import PROOFS, reconcile
from tests.conftest import as_owner
from tests.factories import (
    ImageFactory,
    UserFactory,
    account_with,
    buy,
    creator_of,
    finish,
    press,
    renew,
)
from tests.quota.planted import FAULTS
from tests.quota.refunds import approve, ask, edition_line
from tests.world import furnish

DAY = timedelta(days=1)
UNGUARD = """
DO $$ DECLARE r record; BEGIN
  FOR r IN SELECT conrelid::regclass AS name, conname FROM pg_constraint
           WHERE connamespace = 'public'::regnamespace
             AND contype IN ('c', 'f', 'u', 'x')
           ORDER BY contype <> 'f'
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.name, r.conname); END LOOP;
  FOR r IN SELECT indexrelid::regclass AS name FROM pg_index
           JOIN pg_class c ON c.oid = indrelid
           WHERE relnamespace = 'public'::regnamespace
             AND indisunique AND NOT indisprimary
  LOOP EXECUTE format('DROP INDEX %s', r.name); END LOOP;
  FOR r IN SELECT DISTINCT tgrelid::regclass AS name FROM pg_trigger
           WHERE NOT tgisinternal
  LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', r.name); END LOOP;
END $$
"""


@pytest.fixture
def owner(now: datetime, transactional_db: None) -> Iterator[psycopg.Connection]:
    """The owner's connection to a database in which everything has happened."""
    _everything(now)
    assert [proof for proof in reconcile() if proof.broken or not proof.checked] == []
    with as_owner() as connection:
        connection.execute(UNGUARD)
        yield connection
        connection.rollback()


def _everything(now: datetime) -> None:
    account = furnish(now).account
    _money(account, now)
    _scans(now)
    _refunds(now)
    invoicing.issue(now=now)
    windows.lapse_ended(now=now + 45 * DAY)


def _money(account: Account, now: datetime) -> None:
    """Paid by card and a part of it taken back, a correction, a renewal."""
    asked = topping_up.request(
        account=account, method="stripe", amount=Decimal(50), key=uuid4(),
        by=creator_of(account), now=now,
    )  # fmt: skip
    name = f"top-up:{asked.pk}"
    balance.top_up(
        account=account, amount=Decimal(50), reference=name, by=None, now=now
    )
    balance.reverse(
        account=account, amount=Decimal(20), reference=f"{name}:re_1",
        reason="Disputed", by=None, now=now,
    )  # fmt: skip
    TopUp.objects.filter(pk=asked.pk).update(
        state="paid", paid_at=now, reversed_amount=20
    )
    adjusting.ask(
        account=account, amount=Decimal(5), reason="Agreed.", key=uuid4(),
        by=UserFactory.create(is_staff=True), now=now,
    )  # fmt: skip
    renew(account, now)


def _scans(now: datetime) -> None:
    """Scans that draw from two months, with a result, without one and in flight."""
    account = account_with(now=now, months=2, slug="split")
    scanned = ImageFactory.create_batch(299, account=account)
    for images in (scanned, scanned[:5]):
        press(account, images, now)
        finish(account, now)
    buy(account, Basket(quantity=300), now + DAY)
    for fails in (True, False):
        press(account, [ImageFactory.create(account=account)], now + DAY)
        finish(account, now + DAY, fails=fails)
    press(account, ImageFactory.create_batch(2, account=account), now + DAY)


def _refunds(now: datetime) -> None:
    """One of a pack that was renewed beside another, one of Professional Edition, and
    what was paid with taken back since."""
    account = account_with(now=now, months=1, slug="paid-back")
    renew(account, now)
    buy(account, Basket(quantity=300), now)
    first = OrderLine.objects.filter(account=account, kind="pack").earliest("pk")
    approve(ask(account, now, first), now + DAY)
    ended = account_with(now=now, months=1, slug="ended")
    approve(ask(ended, now), now)
    approve(ask(ended, now, edition_line(ended)), now + DAY)
    balance.reverse(
        account=ended, amount=Decimal(9999), reference="wrong:1", reason="Disputed",
        by=None, now=now + DAY,
    )  # fmt: skip


def broken(owner: psycopg.Connection) -> set[str]:
    return {claim for claim, _, sql in PROOFS if owner.execute(sql).fetchone()}


def test_every_planted_fault_is_named(owner: psycopg.Connection) -> None:
    assert broken(owner) == set()
    unseen = []

    for claim, faults in FAULTS.items():
        for fault in faults:
            with owner.transaction(force_rollback=True):
                owner.execute(fault.encode())
                if claim not in broken(owner):
                    unseen.append((claim, fault))

    assert unseen == []
    assert set(FAULTS) == {claim for claim, _, _ in PROOFS}
