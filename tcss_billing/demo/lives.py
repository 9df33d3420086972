"""Accounts at other points of their life, to be looked at: expiring, suspended, ending,
terminated, and one that never bought."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from accounts.models import Account, Member, User
from accounts.services import balance, opening
from quota.quotes import Basket
from quota.rules.calendar import boundary
from quota.services import auto_renewal, purchasing

# slug, name, since when the month that was bought is over (negative: it is not yet),
# whether auto-renewal is on, and what is left of the balance.
LIVES = (
    ("brightwater", "Brightwater", timedelta(days=-5, hours=-4), True, "42.00"),
    ("cedar-lane", "Cedar Lane", timedelta(days=1, hours=20), False, "96.00"),
    ("dunmore", "Dunmore", timedelta(days=5, hours=9), False, "12.50"),
    ("eastgate", "Eastgate", timedelta(days=8), False, "12.50"),
)
BOUGHT = (
    (Basket(quantity=300, cores=4, months=1), timedelta()),
    (Basket(quantity=600), timedelta(days=9, hours=5)),
)


def live(like: Account, now: datetime) -> None:
    """Open the accounts, with the members that ``like`` has, each bought so long ago
    that it stands where it should."""
    for slug, name, over, renews, spare in LIVES:
        account = _opened(slug, name, like, now - timedelta(days=60))
        _buy(account, now - over, Decimal(spare))
        if renews:
            auto_renewal.switch(account=account, on=True, by=_creator(account), now=now)
    _opened("fernhill", "Fernhill", like, now)


def _opened(slug: str, name: str, like: Account, now: datetime) -> Account:
    members = Member.objects.filter(account=like).select_related("user")
    account = opening.open_account(
        slug=slug,
        name=name,
        zone=like.zone,
        currency=like.currency,
        creator=members.get(is_creator=True).user,
        now=now,
    )
    for member in members.filter(is_creator=False).order_by("pk"):
        opening.add_member(
            account=account,
            user=member.user,
            is_global_resource=member.is_global_resource,
            is_financial=member.is_financial,
        )
    return account


def _buy(account: Account, end: datetime, spare: Decimal) -> None:
    anchor = boundary(end, -1, account.zone_info)
    for basket, later in BOUGHT:
        at = anchor + later
        quoted = purchasing.quote(account=account, basket=basket, now=at)
        balance.top_up(
            account=account,
            amount=quoted.total + spare,
            reference=f"demo:{later.days}",
            by=None,
            now=at,
        )
        spare = Decimal("0.00")
        purchasing.buy(
            account=account,
            basket=basket,
            state=quoted.state,
            total=quoted.total,
            key=uuid4(),
            by=_creator(account),
            now=at,
        )


def _creator(account: Account) -> User:
    return account.members.get(is_creator=True).user
