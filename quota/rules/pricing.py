"""What things cost: quotes, line by line, each rounded once (rules 4)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.money import format_money, format_unit_price, to_cents
from quota.rules.calendar import boundary, windows
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
    when that is under 24 hours ``uncharged_from`` says from which instant the same
    purchase would no longer be charged for it (rules 4.3)."""

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
            f"One purchase can add at most {maximum:,} scans a month. Buy again for more."
        )
    if quantity >= step and quantity % step == 0:
        return
    below = quantity // step * step
    nearest = [below, below + step] if below >= step else [step]
    words = " or ".join(f"{each:,}" for each in nearest)
    raise QuantityError(f"Enter a multiple of {step:,}. Nearest: {words}.")


def quote_pack(
    *,
    quantity: int,
    anchor: datetime,
    end: datetime,
    zone: ZoneInfo,
    quota_price: Decimal,
) -> PackQuote:
    """Price a pack: quantity × price × number of windows, each granted whole."""
    spans = windows(anchor, end, zone)
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
    last = spans[-1] if spans else None
    short_last = last.ends_at - last.starts_at if last and last.is_short else None
    return PackQuote(
        quantity=quantity,
        windows=priced,
        total=total,
        formula=_formula(quantity, quota_price, len(spans), "window", total),
        short_last=short_last,
        uncharged_from=_uncharged_from(priced, end, zone, short_last),
    )


def _uncharged_from(
    priced: Sequence[WindowPrice],
    end: datetime,
    zone: ZoneInfo,
    short_last: timedelta | None,
) -> datetime | None:
    """The first anchor whose last month would begin at the end, and so not at all."""
    if short_last is None or short_last >= SHORT:
        return None
    months = len(priced) - 1
    return boundary(end, -months, zone) if months else end


def quote_edition(
    *, cores: int, months: int, anchor: datetime, zone: ZoneInfo, edition_price: Decimal
) -> EditionQuote:
    """Price Professional Edition: cores × price × months, charged at once."""
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
        formula=_formula(cores, edition_price, months, "month", total),
    )


def _formula(count: int, price: Decimal, periods: int, noun: str, total: Decimal) -> str:
    noun = noun if periods == 1 else f"{noun}s"
    return (
        f"{count:,} × {format_unit_price(price)} × {periods} {noun}"
        f" = {format_money(total)}"
    )
