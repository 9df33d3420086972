"""Refund requests of the demo: one to decide, one late, one for a second person."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from accounts.models import Account, User
from accounts.services import balance, opening
from quota.models import OrderLine, RefundRequest
from quota.quotes import Basket
from quota.services import deciding, purchasing, refund_sums, refunding
from quota.services.deciding import Decision, Staff
from quota.services.refunding import Asked

Reason = RefundRequest.Reason
# Decides refunds with the first member of staff: large ones need two.
SECOND = ("second@demo.example", "Lia Ortega")
BUYER = ("buyer@demo.example", "Noor Hadi")


def seed_refunds(account: Account, password: str, now: datetime) -> None:
    """Ask for refunds as customers do, and let staff begin on one."""
    second = User.objects.create_user(SECOND[0], password, name=SECOND[1])
    User.objects.filter(pk=second.pk).update(is_staff=True, is_superuser=True)
    _ask(
        account,
        Asked(Reason.TOO_MUCH, "Our pipelines scan weekly now."),
        now - timedelta(hours=3),
    )
    corvid = Account.objects.get(slug="corvid-labs")
    _buys(corvid, Basket(quantity=600, cores=2, months=3), now - timedelta(days=9))
    _ask(corvid, Asked(Reason.MOVING), now - timedelta(days=4))
    large = opening.open_account(
        slug="northwind-freight",
        name="Northwind Freight",
        zone="Europe/Amsterdam",
        currency="USD",
        creator=User.objects.create_user(BUYER[0], password, name=BUYER[1]),
        now=now - timedelta(days=8),
    )
    _buys(large, Basket(quantity=9_000, cores=4, months=1), now - timedelta(days=6))
    request = _ask(
        large,
        Asked(Reason.MISTAKE, "We meant 900 a month."),
        now - timedelta(days=1),
    )
    proposed = refund_sums.compute(refund_sums.thing_asked(request), now).refundable
    deciding.approve(
        refund=request,
        decision=Decision(seen=proposed, amount=proposed),
        staff=Staff(second, "192.0.2.10"),
        now=now - timedelta(hours=2),
    )


def _buys(account: Account, basket: Basket, now: datetime) -> None:
    balance.top_up(
        account=account,
        amount=Decimal(900),
        reference="demo:transfer",
        by=None,
        now=now,
    )
    quoted = purchasing.quote(account=account, basket=basket, now=now)
    purchasing.buy(
        account=account,
        basket=basket,
        state=quoted.state,
        total=quoted.total,
        key=uuid4(),
        by=account.members.get(is_creator=True).user,
        now=now,
    )


def _ask(account: Account, asked: Asked, now: datetime) -> RefundRequest:
    line = OrderLine.objects.filter(account=account, kind="pack").latest("pk")
    return refunding.request(
        account=account,
        line=line,
        asked=asked,
        key=uuid4(),
        by=account.members.get(is_creator=True).user,
        now=now,
    )
