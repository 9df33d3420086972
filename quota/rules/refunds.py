"""What is paid back: sums, states and who has to agree (rules 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from accounts.money import MINUS, format_money, format_unit_price, to_cents
from quota.rules.units import TENTHS, format_quota

PERIOD = timedelta(hours=24)
APPROVALS_COUNT = timedelta(days=30)
LATE = timedelta(days=3)


class RefundState(StrEnum):
    """Where a request is."""

    REQUESTED = "requested"
    AWAITING_SECOND = "awaiting_second"
    CLOSING = "closing"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


OPEN = (RefundState.REQUESTED, RefundState.AWAITING_SECOND, RefundState.CLOSING)
_GIVEN_UP = {RefundState.REJECTED, RefundState.WITHDRAWN}
ALLOWED: dict[RefundState, frozenset[RefundState]] = {
    RefundState.REQUESTED: frozenset(
        {
            RefundState.AWAITING_SECOND,
            RefundState.CLOSING,
            RefundState.APPROVED,
            *_GIVEN_UP,
        }
    ),
    RefundState.AWAITING_SECOND: frozenset(
        {RefundState.CLOSING, RefundState.APPROVED, *_GIVEN_UP}
    ),
    RefundState.CLOSING: frozenset({RefundState.APPROVED, *_GIVEN_UP}),
    RefundState.APPROVED: frozenset(),
    RefundState.REJECTED: frozenset(),
    RefundState.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Payment:
    """What one order took for the thing: its number as quoted, and how much."""

    order_id: int
    order: str
    what: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class WindowUse:
    """One window of the pack. ``value`` is what its used quota is worth, unrounded."""

    window_id: int
    starts_at: datetime
    ends_at: datetime
    granted_tenths: int
    used_tenths: int
    held_tenths: int
    lapsed_tenths: int
    free_tenths: int
    price: Decimal

    @property
    def value(self) -> Decimal:
        """Used quota at the price of the window: three places at $0.06."""
        return self.used_tenths * self.price / TENTHS

    @property
    def lapsed_value(self) -> Decimal:
        """What lapsed unused is worth; shown to staff, never deducted (rules 8.2)."""
        return self.lapsed_tenths * self.price / TENTHS


@dataclass(frozen=True, slots=True)
class TermUse:
    """One paid term of Professional Edition, in 24-hour periods."""

    starts_at: datetime
    ends_at: datetime
    paid: Decimal
    periods: int
    begun: int

    @property
    def value(self) -> Decimal:
        """The part of what was paid that the periods begun come to."""
        return self.paid * self.begun / self.periods


def term_use(
    *, starts_at: datetime, ends_at: datetime, paid: Decimal, now: datetime
) -> TermUse:
    """Count the 24-hour periods of a term, and those begun at ``now`` (rules 8.7).

    A term that has not begun has begun none; at its very first instant, one.

    >>> from datetime import UTC
    >>> start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    >>> use = lambda now: term_use(
    ...     starts_at=start, ends_at=end, paid=Decimal("54.00"), now=now
    ... )
    >>> use(start).begun, use(end).begun, use(start + timedelta(hours=24)).value
    (1, 30, Decimal('3.6'))
    """
    periods = -(-(ends_at - starts_at) // PERIOD)
    begun = 0 if now < starts_at else min(periods, (now - starts_at) // PERIOD + 1)
    return TermUse(starts_at, ends_at, paid, periods, begun)


@dataclass(frozen=True, slots=True)
class Computation:
    """The refund of one pack, or of Professional Edition, at one instant.

    ``is_over`` says that E has passed: the proposal is then nothing (rules 8.3).
    """

    currency: str
    at: datetime
    payments: tuple[Payment, ...]
    windows: tuple[WindowUse, ...] = ()
    terms: tuple[TermUse, ...] = ()
    refunded: Decimal = Decimal(0)
    is_over: bool = False

    @property
    def paid(self) -> Decimal:
        """All that was paid for it, renewals included."""
        return sum((payment.amount for payment in self.payments), Decimal(0))

    @property
    def deducted(self) -> Decimal:
        """What was used of it, exact and unrounded."""
        uses: tuple[WindowUse | TermUse, ...] = (*self.windows, *self.terms)
        return sum((use.value for use in uses), Decimal(0))

    @property
    def most(self) -> Decimal:
        """The most that can ever be approved: paid less refunded."""
        return self.paid - self.refunded

    @property
    def refundable(self) -> Decimal:
        """What is proposed: paid less used, rounded once, never below nothing nor
        above what is left of the payments (rules 8.1)."""
        if self.is_over:
            return Decimal("0.00")
        return max(Decimal("0.00"), to_cents(min(self.paid - self.deducted, self.most)))

    @property
    def used_tenths(self) -> int:
        """Used quota of all windows."""
        return sum(window.used_tenths for window in self.windows)

    @property
    def held_tenths(self) -> int:
        """Quota that scans hold now."""
        return sum(window.held_tenths for window in self.windows)

    @property
    def removed_tenths(self) -> int:
        """Free quota of the windows that are not over: what closing takes away."""
        return sum(w.free_tenths for w in self.windows if w.ends_at > self.at)

    @property
    def lapsed_value(self) -> Decimal:
        """What lapsed unused, in money; not deducted."""
        return sum((window.lapsed_value for window in self.windows), Decimal(0))

    @property
    def formula(self) -> str:
        """The sum in words, as the refund order carries it."""
        return (
            f"{format_money(self.paid, self.currency)} paid {MINUS} {self._used_words}"
            f" = {format_money(self.refundable, self.currency)}"
        )

    @property
    def _used_words(self) -> str:
        if self.terms:
            begun = sum(term.begun for term in self.terms)
            return (
                f"{format_money(self.deducted, self.currency)} for {begun:,}"
                f" {'day' if begun == 1 else 'days'} begun"
            )
        prices = sorted({window.price for window in self.windows})
        return f" {MINUS} ".join(
            f"{format_quota(self._used_at(price))} used ×"
            f" {format_unit_price(price, self.currency)}"
            for price in prices
        )

    def _used_at(self, price: Decimal) -> int:
        return sum(w.used_tenths for w in self.windows if w.price == price)

    def plain(self) -> dict[str, Any]:
        """As plain data, to be frozen with a request; figures and instants as text."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_plain(cls, frozen: Mapping[str, Any]) -> "Computation":
        """The computation that ``plain`` froze."""
        return cls(
            currency=frozen["currency"],
            at=datetime.fromisoformat(frozen["at"]),
            payments=tuple(
                Payment(**{**each, "amount": Decimal(each["amount"])})
                for each in frozen["payments"]
            ),
            windows=tuple(
                WindowUse(**{**_spanned(each), "price": Decimal(each["price"])})
                for each in frozen["windows"]
            ),
            terms=tuple(
                TermUse(**{**_spanned(each), "paid": Decimal(each["paid"])})
                for each in frozen["terms"]
            ),
            refunded=Decimal(frozen["refunded"]),
            is_over=frozen["is_over"],
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _spanned(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **each,
        "starts_at": datetime.fromisoformat(each["starts_at"]),
        "ends_at": datetime.fromisoformat(each["ends_at"]),
    }


def needs_second_person(
    *, approved_before: Decimal, amount: Decimal, above: Decimal
) -> bool:
    """Whether the account's approvals of the last 30 days, this one included, exceed
    what one person may decide (rules 8.6).

    >>> needs_second_person(
    ...     approved_before=Decimal(0), amount=Decimal(500), above=Decimal(500)
    ... )
    False
    """
    return approved_before + amount > above


def credit_notes(amount: Decimal, payments: Sequence[Payment]) -> list[Payment]:
    """Divide a refund among the orders that were paid, the newest first: what was paid
    last has been used least (rules 8.2). Never more to an order than it took.

    >>> paid = [Payment(1, "a", "", Decimal(18)), Payment(2, "b", "", Decimal(18))]
    >>> [(note.order, str(note.amount)) for note in credit_notes(Decimal(20), paid)]
    [('b', '18'), ('a', '2')]
    """
    left, notes = amount, []
    for payment in reversed(payments):
        part = min(left, payment.amount)
        if part > 0:
            notes.append(replace(payment, amount=part))
            left -= part
    if left:
        raise ValueError(f"{left} more than was paid")
    return notes
