"""*Orders and invoices*: what was bought, what came back of it, and its papers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.fields import MoneyField
from accounts.models import Account
from accounts.money import format_money
from quota.models import Order, OrderLine
from quota.pages import cells
from quota.pages.keyset import newest, year_bounds, years_of
from quota.pages.words import Clock, plural

PAID, PART, REFUNDED = "paid", "part", "refunded"
STATES = {
    PAID: cells.state("Paid", "circle-check", "ok"),
    PART: cells.state("Part refunded", "rotate-ccw", "warn"),
    REFUNDED: cells.state("Refunded", "rotate-ccw", ""),
}
ADDED = cells.state("Added to balance", "circle-check", "ok")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which orders: a year, a type and a state, or any."""

    year: int | None = None
    kind: str = ""
    state: str = ""

    def query(self) -> dict[str, str]:
        """As query parameters, without what is "any"."""
        named = {"year": str(self.year or ""), "kind": self.kind, "state": self.state}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of the list."""

    label: str
    url: str
    what: str
    covers: str
    when: str
    amount: str
    state: SafeString
    by: str
    papers: str
    papers_url: str
    refund_url: str


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """One page of orders, with the ways on and back to the latest."""

    rows: Sequence[OrderRow]
    next_query: str
    first_query: str
    query: str
    asked: Asked
    years: Sequence[int]


def orders_page(
    account: Account, asked: Asked, cursor: str, now: datetime
) -> OrdersPage:
    """The orders after ``cursor`` in two queries. Refuses a place in the list that was
    not given out for it (UnknownCursor)."""
    found = newest(_orders(account, asked), by="number", account=account, cursor=cursor)
    clock = Clock(account, now)
    query = asked.query()
    return OrdersPage(
        rows=[_row(order, account, clock) for order in found.rows],
        next_query=urlencode({**query, "after": found.after}) if found.after else "",
        first_query=urlencode(query) if cursor else "",
        query=urlencode(query),
        asked=asked,
        years=years_of(account, now),
    )


def _orders(account: Account, asked: Asked) -> QuerySet[Order]:
    back = OrderLine.objects.filter(account=account, credited=OuterRef("pk"))
    sums = back.order_by().values("credited").annotate(sum=Sum("amount")).values("sum")
    lines = OrderLine.objects.filter(account=account).order_by("position")
    orders = (
        Order.objects.filter(account=account)
        .select_related("by")
        .prefetch_related(Prefetch("lines", queryset=lines))
        .annotate(
            refunded=Coalesce(
                Subquery(sums), Value(Decimal(0)), output_field=MoneyField()
            )
        )
    )
    if asked.kind:
        orders = orders.filter(kind=asked.kind)
    if asked.year:
        begins, ends = year_bounds(asked.year, account.zone_info)
        orders = orders.filter(created_at__gte=begins, created_at__lt=ends)
    if asked.state:
        bought = ~Q(kind=Order.Kind.REFUND)
        states = {
            PAID: Q(refunded=0),
            PART: Q(refunded__gt=0, refunded__lt=F("total")),
            REFUNDED: Q(refunded__gte=F("total")),
        }
        orders = orders.filter(bought & states[asked.state])
    return orders


def _row(order: Order, account: Account, clock: Clock) -> OrderRow:
    lines = list(order.lines.all())
    is_refund = order.kind == Order.Kind.REFUND
    refunded: Decimal = order.refunded  # type: ignore[attr-defined]  # annotated above
    place = [account.slug, order.number]
    starts = min(line.starts_at for line in lines)
    ends = max(line.ends_at for line in lines)
    return OrderRow(
        label=order.label,
        url=reverse("quota:order", args=place),
        what=_what(order, lines),
        covers=f"{clock.date(starts)} to {clock.date(ends)}",
        when=clock.moment(order.created_at),
        amount=format_money(order.total, order.currency),
        state=ADDED if is_refund else _state(order.total, refunded),
        by=_by(order),
        papers="Credit note" if is_refund else "Invoice",
        papers_url=reverse("quota:invoice", args=place),
        refund_url=""
        if is_refund or refunded >= order.total
        else reverse("quota:refund-order", args=place),
    )


def _by(order: Order) -> str:
    if order.by:
        return str(order.by)
    return "Auto-renewal" if order.kind == Order.Kind.RENEWAL else "The system"


def _state(total: Decimal, refunded: Decimal) -> SafeString:
    if not refunded:
        return STATES[PAID]
    return STATES[PART if refunded < total else REFUNDED]


def _what(order: Order, lines: Sequence[OrderLine]) -> str:
    """Equal lines are said once: a refund has one for each order it touches."""
    things = dict.fromkeys(_thing(line) for line in lines)
    words = ", ".join(things)
    return words if order.kind == Order.Kind.PURCHASE else f"{_verb(order)}: {words}"


def _verb(order: Order) -> str:
    return "Refund" if order.kind == Order.Kind.REFUND else "Renewal"


def _thing(line: OrderLine) -> str:
    if line.kind == OrderLine.Kind.PACK:
        return f"{line.quantity:,} scans a month"
    return f"Professional Edition for {plural(line.quantity, 'core')}"
