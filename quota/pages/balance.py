"""*Balance*: the figure, a debt, and every movement with what stood after it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import Account, BalanceEntry, TopUp
from accounts.money import format_money
from accounts.spreadsheets import safe
from quota.models import Order
from quota.pages.keyset import newest, year_bounds, years_of
from quota.pages.words import Clock
from quota.quotes import Outlook

CHUNK = 1_000
AWAITED_FOR, AWAITED_SHOWN = timedelta(days=30), 3
ORDER = "order"
CAME_BY = {"bank-transfer": "By bank transfer.", "top-up": "By card or other method."}
CSV_HEADER = (
    "When", "Movement", "Order", "Reason", "Amount", "Currency", "Balance after",
    "Debt after",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Which movements: a kind and a year, or any."""

    kind: str = ""
    year: int | None = None

    def query(self) -> dict[str, str]:
        """As query parameters, without what is "any"."""
        named = {"kind": self.kind, "year": str(self.year or "")}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Movement:
    """One row: what moved, and what stood after it."""

    when: str
    iso: str
    what: str
    detail: str
    order: str
    order_url: str
    amount: str
    comes_in: bool
    balance_after: str
    debt_after: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A bank transfer that was announced and has not arrived yet."""

    amount: str
    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class BalancePage:
    """One page of movements under the figure."""

    figure: str
    debt: str
    awaited: Sequence[Awaited]
    movements: Sequence[Movement]
    next_query: str
    first_query: str
    query: str
    asked: Asked
    years: Sequence[int]


def balance_page(
    account: Account, asked: Asked, cursor: str, now: datetime
) -> BalancePage:
    """The movements after ``cursor`` in two queries. Refuses a place in the list that
    was not given out for it (UnknownCursor)."""
    found = newest(_entries(account, asked), by="id", account=account, cursor=cursor)
    clock = Clock(account, now)
    query = asked.query()
    return BalancePage(
        figure=format_money(account.balance, account.currency),
        debt=format_money(account.debt, account.currency) if account.debt else "",
        awaited=_awaited(account, now),
        movements=[_movement(each, account, clock) for each in found.rows],
        next_query=urlencode({**query, "after": found.after}) if found.after else "",
        first_query=urlencode(query) if cursor else "",
        query=urlencode(query),
        asked=asked,
        years=years_of(account, now),
    )


def _awaited(account: Account, now: datetime) -> Sequence[Awaited]:
    open_ones = TopUp.objects.filter(
        account=account,
        method=TopUp.Method.BANK,
        state=TopUp.State.OPEN,
        created_at__gt=now - AWAITED_FOR,
    )
    return [
        Awaited(
            format_money(each.amount, each.currency),
            each.reference,
            reverse("quota:top-up-state", args=[account.slug, each.pk]),
        )
        for each in open_ones.order_by("-pk")[:AWAITED_SHOWN]
    ]


def next_charge(account: Account, outlook: Outlook | None, now: datetime) -> str:
    """What is taken next, when, and what would have to be switched on for it."""
    if outlook is None or outlook.next_at is None:
        return ""
    words = (
        f"{Clock(account, now).day(outlook.next_at)}:"
        f" {format_money(outlook.price, account.currency)}"
    )
    if not outlook.is_on:
        return f"{words} if auto-renewal is on"
    if outlook.is_covered:
        return words
    missing = format_money(outlook.missing, account.currency)
    return f"{words}, {missing} short"


def _entries(account: Account, asked: Asked) -> QuerySet[BalanceEntry]:
    entries = BalanceEntry.objects.filter(account=account)
    if asked.kind:
        entries = entries.filter(kind=asked.kind)
    if asked.year:
        begins, ends = year_bounds(asked.year, account.zone_info)
        entries = entries.filter(created_at__gte=begins, created_at__lt=ends)
    return entries


def _order(entry: BalanceEntry) -> Order | None:
    """The order of a movement, by its number: written at the same instant, so that its
    label needs no query."""
    name, _, number = entry.reference.partition(":")
    if name != ORDER or not number.isdecimal():
        return None
    return Order(number=int(number), created_at=entry.created_at)


def _movement(entry: BalanceEntry, account: Account, clock: Clock) -> Movement:
    order = _order(entry)
    currency = account.currency
    sign = "+" if entry.amount > 0 else ""
    return Movement(
        when=clock.moment(entry.created_at),
        iso=clock.iso(entry.created_at),
        what=entry.get_kind_display(),
        detail=_detail(entry, currency),
        order=order.label if order else "",
        order_url=reverse("quota:order", args=[account.slug, order.number])
        if order
        else "",
        amount=f"{sign}{format_money(entry.amount, currency)}",
        comes_in=entry.amount > 0,
        balance_after=format_money(entry.balance_after, currency),
        debt_after=format_money(entry.debt_after, currency) if entry.debt_after else "",
    )


def _detail(entry: BalanceEntry, currency: str) -> str:
    words = [entry.reason]
    if entry.kind == BalanceEntry.Kind.TOP_UP:
        words.append(CAME_BY.get(entry.reference.partition(":")[0], ""))
    if entry.amount > 0 and entry.debt_paid:
        paid = format_money(entry.debt_paid, currency)
        words.append(f"{paid} of it paid a debt.")
    return " ".join(word for word in words if word)


def movements_csv(account: Account, asked: Asked) -> Iterator[Sequence[str]]:
    """Every movement asked for, newest first, read a thousand at a time."""
    cursor = ""
    while True:
        found = newest(
            _entries(account, asked),
            by="id",
            account=account,
            cursor=cursor,
            size=CHUNK,
        )
        for entry in found.rows:
            yield _csv_row(entry, account)
        cursor = found.after
        if not cursor:
            return


def _csv_row(entry: BalanceEntry, account: Account) -> Sequence[str]:
    order = _order(entry)
    local = entry.created_at.astimezone(account.zone_info)
    return (
        local.isoformat(timespec="seconds"),
        entry.get_kind_display(),
        order.label if order else "",
        safe(entry.reason),
        str(entry.amount),
        account.currency,
        str(entry.balance_after),
        str(entry.debt_after),
    )
