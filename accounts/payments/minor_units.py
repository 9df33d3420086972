"""Amounts as payment providers count them: whole minor units of the currency."""

from decimal import Decimal

from babel.numbers import get_currency_precision


def to_minor(amount: Decimal, currency: str) -> int:
    """Return an exact amount in minor units; refuses one that is not whole.

    >>> to_minor(Decimal("22.92"), "USD"), to_minor(Decimal("2292.00"), "JPY")
    (2292, 2292)
    """
    minor = amount.scaleb(get_currency_precision(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{amount} is not payable in {currency}.")
    return int(minor)


def from_minor(minor: int, currency: str) -> Decimal:
    """Return the exact amount of minor units.

    >>> from_minor(2292, "USD"), from_minor(2292, "JPY")
    (Decimal('22.92'), Decimal('2292'))
    """
    return Decimal(minor).scaleb(-get_currency_precision(currency))
