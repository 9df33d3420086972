"""What things cost: quotes, line by line, each rounded once (rules 4)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.money import format_money, format_unit_price, to_cents
from quota.rules.calendar import Span, boundary, reaching_from, windows
from quota.rules.units import TENTHS

MAX_MONTHS = 36
MAX_CORES = 100_000
SHORT = timedelta(hours=24)


class QuantityError(ValueError):
    """A number that is not sold; ``str()`` says what is."""


class WindowPrice(NamedTuple):
    """One window of a quoted pack."""

    starts_at: datetime
    ends_at: datetime
    grant_tenths: int
    price: Decimal
    is_short: bool


class PackQuote(NamedTuple):
    """The price of a pack. ``short_last`` is the length of a last window that is cut;
    when that is under 24 hours ``uncharged_from`` is the instant from which on the
    same purchase would not be charged for it (rules 4.3): the end itself when there is
    no other window."""

    quantity: int
    windows: tuple[WindowPrice, ...]
    total: Decimal
    formula: str
    short_last: timedelta | None
    uncharged_from: datetime | None


class EditionQuote(NamedTuple):
    """The price of Professional Edition."""

    cores: int
    months: int
    starts_at: datetime
    ends_at: datetime
    total: Decimal
    formula: str


def check_quantity(quantity: int, *, step: int, maximum: int) -> None:
    """Refuse a quantity that is not a positive multiple of the step.

    >>> check_quantity(301, step=300, maximum=300_000)
    Traceback (most recent call last):
    quota.rules.pricing.QuantityError: Enter a multiple of 300. Nearest: 300 or 600.
    """
    if quantity > maximum:
        raise QuantityError(
            f"One purchase can add at most {maximum:,} scans a month."
            " Buy again for more."
        )
    if quantity >= step and quantity % step == 0:
        return
    below = quantity // step * step
    nearest = [each for each in (below, below + step) if step <= each <= maximum]
    words = " or ".join(f"{each:,}" for each in nearest or [step])
    raise QuantityError(f"Enter a multiple of {step:,}. Nearest: {words}.")


def quote_pack(
    *,
    quantity: int,
    anchor: datetime,
    end: datetime,
    zone: ZoneInfo,
    quota_price: Decimal,
    currency: str = "USD",
    first: int = 0,
) -> PackQuote:
    """Price a pack: quantity × price × number of windows, each granted whole.

    Counting begins with window number ``first``; a renewal passes the first one that is
    not written yet.

    The total is rounded once, and so is the price listed with each window. A pack that
    would begin at its end or later has no windows and costs nothing.

    >>> from datetime import UTC
    >>> anchor = datetime(2025, 1, 31, tzinfo=UTC)
    >>> end = datetime(2025, 5, 15, tzinfo=UTC)
    >>> quote_pack(
    ...     quantity=300,
    ...     anchor=anchor,
    ...     end=end,
    ...     zone=ZoneInfo("UTC"),
    ...     quota_price=Decimal("0.06"),
    ... ).formula
    '300 × $0.06 × 4 months = $72.00'
    """
    spans = windows(anchor, end, zone, first)
    each = quantity * quota_price
    priced = tuple(
        WindowPrice(
            span.starts_at,
            span.ends_at,
            quantity * TENTHS,
            to_cents(each),
            span.is_short,
        )
        for span in spans
    )
    total = to_cents(each * len(spans))
    short_last = _short_last(spans)
    tiny = short_last is not None and short_last < SHORT
    return PackQuote(
        quantity=quantity,
        windows=priced,
        total=total,
        formula=_formula(quantity, quota_price, len(spans), "month", total, currency),
        short_last=short_last,
        uncharged_from=(reaching_from(end, len(spans) - 1, zone) if tiny else None),
    )


def _short_last(spans: list[Span]) -> timedelta | None:
    if not spans or not spans[-1].is_short:
        return None
    return spans[-1].ends_at - spans[-1].starts_at


def quote_edition(
    *,
    cores: int,
    months: int,
    anchor: datetime,
    zone: ZoneInfo,
    edition_price: Decimal,
    currency: str = "USD",
) -> EditionQuote:
    """Price Professional Edition: cores × price × months, charged at once.

    Refuses (QuantityError) months outside 1 to 36 and cores outside 1 to 100,000.
    """
    if not 1 <= months <= MAX_MONTHS:
        raise QuantityError(f"Choose 1 to {MAX_MONTHS} months.")
    if not 1 <= cores <= MAX_CORES:
        raise QuantityError(f"Enter a number of cores from 1 to {MAX_CORES:,}.")
    total = to_cents(cores * edition_price * months)
    return EditionQuote(
        cores=cores,
        months=months,
        starts_at=anchor,
        ends_at=boundary(anchor, months, zone),
        total=total,
        formula=_formula(cores, edition_price, months, "month", total, currency),
    )


def _formula(
    number: int, price: Decimal, periods: int, noun: str, total: Decimal, currency: str
) -> str:
    noun = noun if periods == 1 else f"{noun}s"
    return (
        f"{number:,} × {format_unit_price(price, currency)} × {periods} {noun}"
        f" = {format_money(total, currency)}"
    )
