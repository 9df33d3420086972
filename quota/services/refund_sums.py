"""What a refund of a pack or of Professional Edition comes to, read from the books."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet, Sum

from quota.models import (
    Order,
    OrderLine,
    QuotaPack,
    QuotaWindow,
    Subscription,
    Term,
)
from quota.models.refunds import RefundRequest
from quota.rules.refunds import Computation, Payment, TermUse, WindowUse, term_use

Thing = QuotaPack | Subscription


def thing_of(line: OrderLine) -> Thing:
    """What an order's line was about."""
    if line.pack:
        return line.pack
    term = Term.objects.select_related("subscription").get(
        account=line.account_id, order=line.order_id
    )
    return term.subscription


def thing_asked(refund: RefundRequest) -> Thing:
    """What a request is about, as it stands now."""
    if refund.pack_id is not None:
        packs = QuotaPack.objects.select_related("subscription", "tariff")
        return packs.get(account=refund.account_id, pk=refund.pack_id)
    subscriptions = Subscription.objects.filter(account=refund.account_id)
    return subscriptions.get(refund_requests=refund)


def compute(
    thing: Thing, now: datetime, *, decided_at: datetime | None = None
) -> Computation:
    """The refund of a thing at ``now`` (rules 8.1, 8.7). A pack may wait for its scans:
    whether E has passed is asked of the instant at which that was decided."""
    if isinstance(thing, QuotaPack):
        return _of_pack(thing, now, decided_at or now)
    return _of_subscription(thing, now)


def _of_pack(pack: QuotaPack, now: datetime, decided_at: datetime) -> Computation:
    lines = OrderLine.objects.filter(account=pack.account_id, pack=pack)
    return Computation(
        currency=pack.tariff.currency,
        at=now,
        payments=_payments(lines),
        windows=tuple(_uses(pack)),
        refunded=_refunded(lines),
        is_over=decided_at >= pack.subscription.ends_at,
    )


def _of_subscription(subscription: Subscription, now: datetime) -> Computation:
    terms = Term.objects.filter(
        account=subscription.account_id, subscription=subscription
    )
    lines = OrderLine.objects.filter(
        account=subscription.account_id,
        kind=OrderLine.Kind.EDITION,
        order__in=terms.values("order"),
    )
    credited = OrderLine.objects.filter(
        account=subscription.account_id,
        kind=OrderLine.Kind.EDITION,
        credited__in=terms.values("order"),
    )
    return Computation(
        currency=terms.select_related("tariff")[0].tariff.currency,
        at=now,
        payments=_payments(lines),
        terms=_terms(terms, lines, now),
        refunded=_refunded(credited),
        is_over=now >= subscription.ends_at,
    )


def _payments(lines: QuerySet[OrderLine]) -> tuple[Payment, ...]:
    paid = lines.exclude(order__kind=Order.Kind.REFUND).select_related("order")
    return tuple(
        Payment(
            order_id=line.order_id,
            order=line.order.label,
            what=line.formula.partition(" = ")[0],
            amount=line.amount,
        )
        for line in paid.order_by("order__number", "position")
    )


def _refunded(lines: QuerySet[OrderLine]) -> Decimal:
    refunds = lines.filter(order__kind=Order.Kind.REFUND)
    return refunds.aggregate(total=Sum("amount"))["total"] or Decimal(0)


def _uses(pack: QuotaPack) -> Sequence[WindowUse]:
    windows = QuotaWindow.objects.filter(account=pack.account_id, pack=pack)
    return [
        WindowUse(
            window_id=window.pk,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            granted_tenths=window.granted_tenths,
            used_tenths=window.used_tenths,
            held_tenths=window.held_tenths,
            lapsed_tenths=window.lapsed_tenths,
            free_tenths=window.free_tenths,
            price=window.tariff.quota_price.normalize(),
        )
        for window in windows.select_related("tariff").order_by("number")
    ]


def _terms(
    terms: QuerySet[Term], lines: QuerySet[OrderLine], now: datetime
) -> tuple[TermUse, ...]:
    paid = dict(lines.values_list("order", "amount"))
    return tuple(
        term_use(
            starts_at=term.starts_at,
            ends_at=term.ends_at,
            paid=paid[term.order_id],
            now=now,
        )
        for term in terms.order_by("number")
    )


def packs_in_the_way(subscription: Subscription, now: datetime) -> list[QuotaPack]:
    """The packs that keep Professional Edition from being refunded: not refunded, with
    free quota in an open or future window (rules 8.7)."""
    free = QuotaWindow.objects.filter(
        account=subscription.account_id, ends_at__gt=now, free_tenths__gt=0
    )
    packs = QuotaPack.objects.filter(
        account=subscription.account_id,
        subscription=subscription,
        closed_at=None,
        pk__in=free.values("pack"),
    )
    return list(packs.order_by("pk"))


def is_askable(pack: QuotaPack, now: datetime) -> bool:
    """Whether the pack has an open or future window (rules 8.3)."""
    windows = QuotaWindow.objects.filter(account=pack.account_id, pack=pack)
    return windows.filter(ends_at__gt=now).exists()


def approved_since(account_id: int, since: datetime) -> Decimal:
    """What was approved for an account since then, paid or about to be."""
    requests = RefundRequest.objects.filter(
        account=account_id,
        approved_at__gt=since,
        state__in=["awaiting_second", "closing", "approved"],
    )
    return requests.aggregate(total=Sum("amount"))["total"] or Decimal(0)
