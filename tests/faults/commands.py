"""What customers and staff ask for with a key, and asking it again word for word."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

from accounts.models import Account
from accounts.services import balance
from quota.models import Image, OrderLine, RefundRequest, Scan, Scope, Selection
from quota.models import Subscription as Edition
from quota.quotes import Basket, RenewalBasket
from quota.services import ending, purchasing, refunding, renewing, scanning, working
from quota.services.ending import Ended
from quota.services.refunding import Asked
from quota.services.scanning import ScanRequest
from tests.factories import ALL, creator_of, report
from tests.faults.journal import Command

MOST_IMAGES = 8
BATCH = 12
AFTER_THE_END = timedelta(days=6)
Answer = list[Any]
Plan = Callable[[Random, Account, datetime], dict[str, Any] | None]
Verb = Callable[[Account, dict[str, Any], UUID, datetime], Answer]


def plan(verb: str, chance: Random, account: Account, now: datetime) -> Command | None:
    """Decide what to ask, with every price a person would have seen. None if there is
    nothing to ask."""
    asked = PLANS[verb](chance, account, now)
    if asked is None:
        return None
    key = asked.pop("claim", None) or str(uuid4())
    return Command(key, verb, account.pk, asked)


def deliver(command: Command, now: datetime) -> Answer:
    """Ask, for the first time or again."""
    account = Account.objects.get(pk=command.account)
    return VERBS[command.verb](account, command.asked, UUID(command.key), now)


def images_of(account: Account, chance: Random) -> list[int]:
    """A few of the account's images."""
    mine = Image.objects.filter(account=account, is_local=True).order_by("pk")
    ids = list(mine.values_list("pk", flat=True))
    return sorted(chance.sample(ids, min(len(ids), chance.randint(1, MOST_IMAGES))))


def _plan_scan(chance: Random, account: Account, _: datetime) -> dict[str, Any] | None:
    images = images_of(account, chance)
    return {"images": images, "fit": chance.random() < 0.3} if images else None


def _scan(account: Account, asked: dict[str, Any], key: UUID, now: datetime) -> Answer:
    request = ScanRequest(
        selection=Selection(Scope.SELECTED, ids=tuple(asked["images"])),
        categories=ALL,
        title="Selected local images",
        fit=asked["fit"],
    )
    task = scanning.reserve(
        account=account, request=request, agreed=None, key=key, by=None, now=now
    )
    return [task.pk, task.images, task.cost_tenths]


def _plan_end(chance: Random, account: Account, now: datetime) -> dict[str, Any] | None:
    limit = chance.randint(1, BATCH)
    claimed = working.claim(account_id=account.pk, limit=limit, now=now)
    if claimed is None:
        return None
    outcomes = [
        [scan.pk, "succeeded" if chance.random() < 0.8 else "failed"]
        for scan in claimed.scans
    ]
    return {"claim": str(claimed.token), "outcomes": outcomes}


def _end(account: Account, asked: dict[str, Any], key: UUID, now: datetime) -> Answer:
    """Bring results back; asked again, it counts none."""
    ended = [
        Ended(
            pk,
            key,
            Scan.Outcome(outcome),
            "" if outcome == "succeeded" else "The layer is broken.",
            report(1) if outcome == "succeeded" else None,
        )
        for pk, outcome in asked["outcomes"]
    ]
    return [ending.end(account_id=account.pk, ended=ended, now=now)]


def _plan_top_up(chance: Random, *_: object) -> dict[str, Any]:
    return {"amount": f"{chance.randint(500, 9_999) / 100:.2f}"}


def _top_up(
    account: Account, asked: dict[str, Any], key: UUID, now: datetime
) -> Answer:
    entry = balance.top_up(
        account=account,
        amount=Decimal(asked["amount"]),
        reference=f"faults:{key}",
        by=None,
        now=now,
    )
    return [entry.pk, str(entry.amount)]


def _plan_reversal(chance: Random, *_: object) -> dict[str, Any]:
    return {"amount": f"{chance.randint(1, 300) / 100:.2f}"}


def _reverse(
    account: Account, asked: dict[str, Any], key: UUID, now: datetime
) -> Answer:
    entry = balance.reverse(
        account=account,
        amount=Decimal(asked["amount"]),
        reference=f"faults:{key}",
        reason="The bank took it back.",
        by=None,
        now=now,
    )
    return [entry.pk, str(entry.amount)]


def _plan_buy(chance: Random, account: Account, now: datetime) -> dict[str, Any]:
    """A further pack; the whole subscription anew where the last one is over."""
    edition = Edition.objects.current(account.pk, now)
    gone = edition is None or now >= edition.ends_at + AFTER_THE_END
    more = {"cores": 1, "months": chance.randint(1, 3)} if gone else {}
    basket = Basket(chance.randint(2, 40), **more)
    quoted = purchasing.quote(account=account, basket=basket, now=now)
    return {
        "quantity": basket.quantity, **more,
        "state": quoted.state, "total": str(quoted.total),
    }  # fmt: skip


def _buy(account: Account, asked: dict[str, Any], key: UUID, now: datetime) -> Answer:
    order = purchasing.buy(
        account=account,
        basket=Basket(
            asked["quantity"],
            cores=asked.get("cores", 0),
            months=asked.get("months", 0),
        ),
        state=asked["state"],
        total=Decimal(asked["total"]),
        key=key,
        by=None,
        now=now,
        accepts_short=True,
    )
    return [order.number, str(order.total)]


def _plan_renewal(chance: Random, account: Account, now: datetime) -> dict[str, Any]:
    months = chance.randint(1, 2)
    basket = RenewalBasket(months)
    quoted = renewing.quote(account=account, basket=basket, now=now)
    return {"months": months, "state": quoted.state, "total": str(quoted.total)}


def _renew(account: Account, asked: dict[str, Any], key: UUID, now: datetime) -> Answer:
    order = renewing.renew(
        account=account,
        basket=RenewalBasket(asked["months"]),
        state=asked["state"],
        total=Decimal(asked["total"]),
        key=key,
        by=None,
        now=now,
    )
    return [order.number, str(order.total)]


def _plan_refund(
    chance: Random, account: Account, _: datetime
) -> dict[str, Any] | None:
    packs = OrderLine.objects.filter(
        account=account, kind="pack", pack__closed_at=None, order__kind="purchase"
    )
    lines = list(packs.order_by("pk").values_list("pk", flat=True))
    return {"line": chance.choice(lines)} if lines else None


def _ask_refund(
    account: Account, asked: dict[str, Any], key: UUID, now: datetime
) -> Answer:
    line = OrderLine.objects.select_related("order", "pack").get(
        account=account, pk=asked["line"]
    )
    refund = refunding.request(
        account=account,
        line=line,
        asked=Asked(RefundRequest.Reason.MOVING),
        key=key,
        by=creator_of(account),
        now=now,
    )
    return [refund.pk, str(refund.estimate)]


PLANS: dict[str, Plan] = {
    "scan": _plan_scan,
    "end": _plan_end,
    "top up": _plan_top_up,
    "reverse": _plan_reversal,
    "buy": _plan_buy,
    "renew": _plan_renewal,
    "ask refund": _plan_refund,
}
VERBS: dict[str, Verb] = {
    "scan": _scan,
    "end": _end,
    "top up": _top_up,
    "reverse": _reverse,
    "buy": _buy,
    "renew": _renew,
    "ask refund": _ask_refund,
}
