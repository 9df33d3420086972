"""An account in which everything has happened once, and what leads to each of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from accounts.models import Account, Invite, Member, MemberChange, Notice, TopUp, User
from accounts.services import inviting, members, topping_up
from quota.models import (
    FindingGroup,
    Image,
    Kind,
    LedgerBatch,
    LedgerEntry,
    Order,
    OrderLine,
    QuotaWindow,
    RefundRequest,
    Registry,
    ScanTask,
    TriageState,
)
from quota.models.schedules import Settings
from quota.quotes import Basket
from quota.services import invoicing, refunding, scheduling, triaging
from quota.services.refunding import Asked
from tests.addresses import Address
from tests.factories import (
    ImageFactory,
    account_with,
    buy,
    creator_of,
    finish,
    member_of,
    press,
)
from tests.registries.acts import connect


@dataclass(frozen=True)
class Lived:
    """An account, and its own word for each part of an address."""

    account: Account
    parts: dict[str, str]

    def path(self, address: Address, **other: str) -> str:
        """The path of an address that leads to something of this account."""
        parts = {**self.parts, **other}
        if address.name == "top-up-state" and "number" not in other:
            parts["number"] = self.parts["top_up"]
        return address.path(lambda _, name: parts.get(name, "x"))

    def part(self, address: Address, name: str) -> str:
        """What this account puts there."""
        return self.parts["top_up" if address.name == "top-up-state" else name]


def live(now: datetime, slug: str = "halden-pay", *, orders: int = 1) -> Lived:
    """Buy, scan, find, decide, connect, invite, ask for money and for money back.

    Order numbers count by account: ``orders`` more give one that another has not.
    """
    account = account_with(now=now - timedelta(days=3), slug=slug)
    creator = creator_of(account)
    for _ in range(orders):
        buy(account, Basket(quantity=300), now - timedelta(days=2))
    invoicing.issue(now=now)
    images = [
        ImageFactory.create(account=account, name=f"{slug}/app"),
        ImageFactory.create(account=account, name=f"{slug}/web", in_registry=True),
    ]
    connect(account, "https://r.invalid", now)
    press(account, images, now)
    finish(account, now)
    group = FindingGroup.objects.filter(account=account).earliest("pk")
    triaging.decide(
        account=account, group=group, image=None, state=TriageState.FALSE_POSITIVE,
        note=f"Not used at {slug}.", by=creator, now=now,
    )  # fmt: skip
    scheduling.save(
        account=account, kind=Kind.LOCAL, settings=replace(Settings(), is_on=True),
        revision=0, by=creator, now=now,
    )  # fmt: skip
    _people(account, creator, now)
    _money(account, creator, now)
    return Lived(account, _parts(account))


def _people(account: Account, creator: User, now: datetime) -> None:
    member_of(account, resource=True)
    member_of(account, financial=True)
    viewer = member_of(account)
    members.change_role(
        account=account, user_id=viewer.pk, is_global_resource=True, is_financial=True,
        by=creator, now=now,
    )  # fmt: skip
    Member.objects.filter(user=viewer).update(
        is_global_resource=False, is_financial=False
    )
    inviting.invite(
        account=account, email=f"new@{account.slug}.example", is_global_resource=False,
        is_financial=False, by=creator, now=now,
    )  # fmt: skip


def _money(account: Account, creator: User, now: datetime) -> None:
    line = OrderLine.objects.filter(account=account, kind="pack").earliest("pk")
    refunding.request(
        account=account, line=line, asked=Asked(RefundRequest.Reason.OTHER),
        key=uuid4(), by=creator, now=now,
    )  # fmt: skip
    topping_up.request(
        account=account, method=TopUp.Method.BANK, amount=Decimal(50), key=uuid4(),
        by=creator, now=now,
    )  # fmt: skip


def _parts(account: Account) -> dict[str, str]:
    of = {"account": account}
    orders = Order.objects.filter(**of).exclude(kind=Order.Kind.REFUND)
    found = {
        "account": account.slug,
        "kind": "local",
        "channel": "email",
        "digest": Image.objects.get(**of, is_repository=False).digest,
        "registry": Registry.objects.get(**of).pk,
        "group": FindingGroup.objects.filter(**of).earliest("pk").pk,
        "task": ScanTask.objects.get(**of).pk,
        "number": orders.latest("number").number,
        "refund": RefundRequest.objects.get(**of).pk,
        "notice": Notice.objects.filter(**of, user=creator_of(account))
        .earliest("pk")
        .pk,
        "user": Member.objects.filter(**of, is_creator=False).earliest("pk").user_id,
        "entry": LedgerEntry.objects.filter(**of).latest("pk").pk,
        "batch": LedgerBatch.objects.filter(**of).latest("pk").pk,
        "window": QuotaWindow.objects.filter(**of).earliest("pk").pk,
        "change": MemberChange.objects.get(**of).pk,
        "invite": Invite.objects.get(**of).pk,
        "top_up": TopUp.objects.get(**of).pk,
    }
    return {name: str(value) for name, value in found.items()}
