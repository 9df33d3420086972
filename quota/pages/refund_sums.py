"""The computation of a refund, line by line, for customers and for staff."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from accounts.money import format_exact, format_money, format_unit_price
from quota.pages.words import Clock, plural
from quota.rules.refunds import Computation, TermUse, WindowUse
from quota.rules.units import format_quota, format_quota_column


@dataclass(frozen=True, slots=True)
class SumRow:
    """One line of the computation; ``name`` pairs it with the same line of another."""

    name: str
    words: str
    detail: str
    amount: str
    window_id: int | None = None


def sum_rows(computation: Computation, clock: Clock) -> Sequence[SumRow]:
    """Paid, used by window or term, and already refunded."""
    money = computation.currency
    rows = [
        SumRow(
            f"paid {payment.order}",
            f"Paid, order {payment.order}",
            payment.what,
            format_money(payment.amount, money),
        )
        for payment in computation.payments
    ]
    rows += _window_rows(computation, clock)
    rows += [_term_row(term, computation, clock) for term in computation.terms]
    rows.append(
        SumRow(
            "refunded",
            "Already refunded",
            "",
            format_money(-computation.refunded, money),
        )
    )
    return rows


def _window_rows(computation: Computation, clock: Clock) -> Iterator[SumRow]:
    begun = [w for w in computation.windows if w.starts_at <= computation.at]
    later = [w for w in computation.windows if w.starts_at > computation.at]
    for window in begun:
        yield _window_row(window, computation.currency, clock)
    if later:
        yield SumRow(
            "later",
            f"Used from {clock.date(later[0].starts_at)} on",
            f"{plural(len(later), 'month')} not begun",
            format_exact(Decimal(0), computation.currency),
        )


def _window_row(window: WindowUse, money: str, clock: Clock) -> SumRow:
    lapsed = window.lapsed_tenths
    return SumRow(
        f"window {window.window_id}",
        f"Used {clock.date(window.starts_at)} to {clock.date(window.ends_at)}",
        f"{format_quota_column(window.used_tenths)} ×"
        f" {format_unit_price(window.price, money)}"
        + (f"; {format_quota(lapsed)} lapsed, not deducted" if lapsed else ""),
        format_exact(-window.value, money),
        window.window_id,
    )


def _term_row(term: TermUse, computation: Computation, clock: Clock) -> SumRow:
    return SumRow(
        f"term {term.starts_at.isoformat()}",
        f"Used {clock.date(term.starts_at)} to {clock.date(term.ends_at)}",
        _term_words(term, computation.currency),
        format_exact(-term.value, computation.currency),
    )


def _term_words(term: TermUse, money: str) -> str:
    if not term.begun:
        return "Not begun, refunded whole"
    return (
        f"{term.begun} of {plural(term.periods, 'day')} begun ×"
        f" {format_money(term.paid, money)}"
    )
