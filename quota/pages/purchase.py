"""*Purchase additional quota*: the quote window by window, and the receipt."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlencode

from django.urls import reverse

from accounts.models import Account, BalanceEntry
from accounts.money import format_money, format_unit_price
from quota.models import Order, Tariff
from quota.pages.header import QuotaHeader
from quota.pages.rail import percent
from quota.pages.words import Clock, plural
from quota.quotes import Quote
from quota.rules.estimate import Need
from quota.rules.units import TENTHS, format_quota


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """One line of the quote."""

    words: str
    detail: str
    price: str


@dataclass(frozen=True, slots=True)
class PurchaseQuote:
    """The quote in words; no price is computed here."""

    quantity: str
    rows: Sequence[QuoteRow]
    formulas: Sequence[str]
    total: str
    total_value: Decimal
    state: str
    left_now: str
    left_after: str
    balance_now: str
    balance_after: str
    missing: str
    top_up_url: str
    until: str
    short_words: str


def top_up_url(account: Account, need: Decimal, then: str) -> str:
    """The top-up of what is missing, which leads back to what it is for."""
    query = urlencode({"need": need, "then": then})
    return f"{reverse('quota:top-up', args=[account.slug])}?{query}"


def purchase_url(quoted: Quote, back: str = "") -> str:
    """The purchase with its quantities, and the scan it is for."""
    asked = {**asdict(quoted.basket), "back": back}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{reverse('quota:purchase', args=[quoted.account.slug])}?{query}"


def quote_words(
    quoted: Quote, header: QuotaHeader | None, now: datetime, *, back: str = ""
) -> PurchaseQuote:
    """Every window with its dates, grant and price, and what is left after; ``back`` is
    the scan that it is bought for."""
    account = quoted.account
    clock = Clock(account, now)
    left = header.left_tenths if header else 0
    after = account.balance - account.debt - quoted.total
    rows = [*_edition_row(quoted, clock), *_window_rows(quoted, clock)]
    return PurchaseQuote(
        quantity=f"{quoted.basket.quantity:,}",
        rows=rows,
        formulas=[line.formula for line in (quoted.edition, quoted.pack) if line],
        total=format_money(quoted.total, account.currency),
        total_value=quoted.total,
        state=quoted.state,
        left_now=format_quota(left),
        left_after=format_quota(left + quoted.basket.quantity * TENTHS),
        balance_now=format_money(account.balance, account.currency),
        balance_after=format_money(max(after, Decimal(0)), account.currency),
        missing=format_money(-after, account.currency) if after < 0 else "",
        top_up_url=top_up_url(account, -after, purchase_url(quoted, back)),
        until=clock.moment(quoted.runs_until),
        short_words=_short_words(quoted, clock),
    )


def _edition_row(quoted: Quote, clock: Clock) -> Sequence[QuoteRow]:
    edition = quoted.edition
    if edition is None:
        return []
    return [
        QuoteRow(
            "Professional Edition",
            f"{plural(edition.cores, 'core')}, {plural(edition.months, 'month')}",
            format_money(edition.total, quoted.account.currency),
        )
    ]


def _window_rows(quoted: Quote, clock: Clock) -> Sequence[QuoteRow]:
    pack = quoted.pack
    if pack is None:
        return []
    return [
        QuoteRow(
            f"{'Today' if not number else clock.date(window.starts_at)}"
            f" to {clock.date(window.ends_at)}",
            f"{window.grant_tenths // TENTHS:,} scans"
            + (", a short month" if window.is_short else ""),
            format_money(window.price, quoted.account.currency),
        )
        for number, window in enumerate(pack.windows)
    ]


def _short_words(quoted: Quote, clock: Clock) -> str:
    pack = quoted.pack
    if pack is None or pack.short_last is None or pack.uncharged_from is None:
        return ""
    hours, seconds = divmod(int(pack.short_last.total_seconds()), 3600)
    return (
        f"The last month is only {hours} h {seconds // 60} min long and is charged"
        f" whole. Bought from {clock.moment(pack.uncharged_from)} on, it would not be"
        " charged."
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What is sold, for the help beside the field."""

    step: int
    help: str
    edition_help: str


def terms(tariff: Tariff) -> Terms:
    """The tariff in words."""
    price = format_money(tariff.step * tariff.quota_price, tariff.currency)
    unit = format_unit_price(tariff.edition_price, tariff.currency)
    return Terms(
        tariff.step,
        f"Sold in steps of {tariff.step}. {price} a month for each {tariff.step}.",
        f"{unit} per core and month, charged at once.",
    )


@dataclass(frozen=True, slots=True)
class Advice:
    """What the estimator says."""

    words: str
    quantity: int


def advice(found: Need) -> Advice:
    """The smallest quantity that covers it, and what it would leave unused."""
    first = format_quota(found.first_month_tenths)
    later = format_quota(found.later_month_tenths)
    spare = format_quota(found.spare_tenths)
    return Advice(
        f"The first month takes at most {first}, later ones at most {later}."
        f" {found.quantity:,} scans a month cover that, with {spare} to spare.",
        found.quantity,
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    """A paid order."""

    label: str
    url: str
    when: str
    by: str
    lines: Sequence[QuoteRow]
    total: str
    balance_before: str
    balance_after: str
    scans: str
    scans_tenths: int
    until: str
    is_refund: bool
    refund_url: str


class Added(NamedTuple):
    """Where on the track of all quota lies what was just bought, in percents."""

    x: str
    width: str


def added(paid: Receipt, header: QuotaHeader | None) -> Added | None:
    """The place of an order's scans at the end of the track; None without any."""
    if header is None or not paid.scans_tenths:
        return None
    total = header.total_tenths
    bought = min(paid.scans_tenths, total)
    return Added(percent(total - bought, total), percent(bought, total))


def receipt(order: Order, account: Account, now: datetime) -> Receipt:
    """An order with its lines, and the balance before and after it."""
    clock = Clock(account, now)
    paid = BalanceEntry.objects.get(account=account, reference=f"order:{order.number}")
    lines = list(order.lines.filter(account=account).order_by("position"))
    scans = sum(line.quantity for line in lines if line.kind == "pack")
    return Receipt(
        label=order.label,
        url=reverse("quota:order", args=[account.slug, order.number]),
        when=clock.moment(order.created_at),
        by=str(order.by or "the system"),
        lines=[
            QuoteRow(
                line.get_kind_display(),
                f"{line.formula.partition(' = ')[0]}, {clock.date(line.starts_at)} to"
                f" {clock.date(line.ends_at)}",
                format_money(line.amount, order.currency),
            )
            for line in lines
        ],
        total=format_money(order.total, order.currency),
        balance_before=format_money(paid.balance_after - paid.amount, order.currency),
        balance_after=format_money(paid.balance_after, order.currency),
        scans=f"{scans:,}" if scans else "",
        scans_tenths=scans * TENTHS,
        until=clock.moment(max(line.ends_at for line in lines)),
        is_refund=order.kind == Order.Kind.REFUND,
        refund_url=(
            reverse("quota:refund-order", args=[account.slug, order.number])
            if order.kind != Order.Kind.REFUND
            else ""
        ),
    )
