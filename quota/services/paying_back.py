"""The last step of a refund: windows closed, balance credited, order and notice."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid5
from zoneinfo import ZoneInfo

from accounts.models import BalanceEntry, Notice, User
from accounts.money import format_money
from accounts.services import balance, notices
from quota import ledger
from quota.models import (
    LedgerEntry,
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    RefundRequest,
    Scan,
    Subscription,
)
from quota.rules.dates import moment_words
from quota.rules.refunds import Computation, Payment, RefundState, credit_notes
from quota.rules.renewal import left_out_words
from quota.services import ending, waking
from quota.services.refund_sums import Thing


def open_scans(refund: RefundRequest) -> Sequence[int]:
    """The scans that hold quota of the pack; Professional Edition has none of its
    own."""
    holds = LedgerEntry.objects.filter(
        account=refund.account_id,
        kind=LedgerEntry.Kind.HOLD,
        window__pack=refund.pack_id,
    )
    scans = Scan.objects.filter(
        account=refund.account_id,
        state__in=["queued", "running"],
        pk__in=holds.values("scan"),
    )
    return list(scans.order_by("pk").values_list("pk", flat=True))


def lock_windows(refund: RefundRequest) -> list[QuotaWindow]:
    """Lock the pack's windows and those its open scans also draw from, in one order."""
    mine = QuotaWindow.objects.filter(account=refund.account_id, pack=refund.pack_id)
    shared = LedgerEntry.objects.filter(
        account=refund.account_id,
        kind=LedgerEntry.Kind.HOLD,
        scan__in=open_scans(refund),
    )
    ids = {*mine.values_list("pk", flat=True), *shared.values_list("window", flat=True)}
    return QuotaWindow.objects.filter(account=refund.account_id, pk__in=ids).locked()


def stop_scans(refund: RefundRequest, by: User, now: datetime) -> int:
    """Release every open hold of the pack at once, a split scan wholly (rules 8.5)."""
    scans = Scan.objects.filter(account=refund.account_id, pk__in=open_scans(refund))
    return ending.release_open(
        refund.account_id,
        scans,
        Scan.Outcome.STOPPED,
        f"Stopped: the quota it was held from is refunded ({refund.label}).",
        now,
    )


def pay(
    refund: RefundRequest,
    thing: Thing,
    computation: Computation,
    amount: Decimal,
    now: datetime,
) -> Order:
    """Close the thing, credit the balance and write the refund order (rules 8.5)."""
    _close(thing, now)
    order = _order(refund, amount, now)
    balance.credit(
        account=refund.account,
        amount=amount,
        kind=BalanceEntry.Kind.REFUND,
        reference=f"order:{order.number}",
        by=refund.confirmed_by or refund.approved_by,
        now=now,
    )
    for position, note in enumerate(credit_notes(amount, computation.payments), 1):
        _line(order, position, refund, thing, computation, note)
    waking.wake_invoicing(order.account_id)
    return order


def _close(thing: Thing, now: datetime) -> None:
    if isinstance(thing, QuotaPack):
        ledger.revoke(thing.account_id, thing.pk, now)
        QuotaPack.objects.filter(account=thing.account_id, pk=thing.pk).update(
            closed_at=now
        )
        return
    end = min(thing.ends_at, now)
    QuotaWindow.objects.filter(
        account=thing.account_id,
        pack__subscription=thing,
        ends_at__gt=end,
        shut_at=None,
    ).update(shut_at=now)
    Subscription.objects.filter(account=thing.account_id, pk=thing.pk).update(
        refunded_at=now, ends_at=end
    )


def _order(refund: RefundRequest, amount: Decimal, now: datetime) -> Order:
    return Order.objects.create(
        account=refund.account,
        number=1 + Order.objects.last_number(refund.account_id),
        kind=Order.Kind.REFUND,
        key=uuid5(refund.key, "refund"),
        asked={"refund": refund.pk},
        total=amount,
        currency=refund.account.currency,
        by=refund.confirmed_by or refund.approved_by,
        created_at=now,
    )


def _line(
    order: Order,
    position: int,
    refund: RefundRequest,
    thing: Thing,
    computation: Computation,
    note: Payment,
) -> None:
    spans = computation.windows or computation.terms
    OrderLine.objects.create(
        account_id=order.account_id,
        order=order,
        credited_id=note.order_id,
        position=position,
        kind=refund.kind,
        periods=len(spans),
        starts_at=spans[0].starts_at,
        ends_at=spans[-1].ends_at,
        amount=note.amount,
        formula=_formula(order, computation, note),
        **_sold(thing),
    )


def _sold(thing: Thing) -> dict[str, Any]:
    if isinstance(thing, QuotaPack):
        price = thing.tariff.quota_price
        return {"pack": thing, "quantity": thing.quantity, "unit_price": price}
    terms = thing.terms.filter(account=thing.account_id).select_related("tariff")
    last = terms.latest("number")
    return {"quantity": thing.cores, "unit_price": last.tariff.edition_price}


def _formula(order: Order, computation: Computation, note: Payment) -> str:
    """The sum in words; for an amount by hand, that it is one."""
    total = format_money(order.total, order.currency)
    words = computation.formula
    if order.total != computation.refundable:
        words = f"{words}; {total} approved by hand"
    return f"{words}. {format_money(note.amount, order.currency)} on {note.order}"[:200]


def owe_notice(refund: RefundRequest, now: datetime) -> None:
    """Owe the creator and financial members the outcome (rules 7)."""
    approved = refund.state == RefundState.APPROVED
    amount = format_money(refund.amount or Decimal(0), refund.account.currency)
    notices.queue(
        account=refund.account,
        kind=Notice.Kind.REFUND_DECIDED,
        audience=notices.Audience.MONEY,
        subject=f"refund:{refund.pk}",
        context={
            "thing": refund.thing,
            "decision": "approved" if approved else "rejected",
            "amount": amount if approved else "",
            "reason": refund.answer,
            "left_out": "" if approved else _left_out(refund, now),
        },
        now=now,
    )


def _left_out(refund: RefundRequest, now: datetime) -> str:
    """What becomes of a pack that a renewal left out meanwhile, if one did."""
    if (pack := refund.pack) and (end := pack.left_out_until()):
        ends = moment_words(end, ZoneInfo(pack.zone))
        return left_out_words(ends, is_over=end <= now)
    return ""
