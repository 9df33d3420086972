"""Exact money: whole cents, rounded in one place, once, half up. Pure."""

from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import format_currency, format_decimal

CENT = Decimal("0.01")
MINUS = "\u2212"


def to_cents(amount: Decimal) -> Decimal:
    """Round to whole cents, half up. The only rounding there is (rules 1).

    >>> to_cents(Decimal("0.065"))
    Decimal('0.07')
    """
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def is_cents(amount: Decimal) -> bool:
    """Say whether an amount is a whole number of cents.

    >>> is_cents(Decimal("64.92")), is_cents(Decimal("0.006"))
    (True, False)
    """
    return amount.is_finite() and 100 % amount.as_integer_ratio()[1] == 0


def format_money(amount: Decimal, currency: str = "USD") -> str:
    """Show an amount with two places, whatever the currency's habit, and its symbol.

    >>> format_money(Decimal("-1064.9")), format_money(Decimal("64.92"), "JPY")
    ('−$1,064.90', '¥64.92')
    """
    cents = to_cents(amount)
    text = format_currency(abs(cents), currency, locale="en_US", currency_digits=False)
    return f"{MINUS}{text}" if cents < 0 else text


def format_unit_price(price: Decimal, currency: str = "USD") -> str:
    """Show a unit price with the places it needs: at least two, at most six.

    >>> format_unit_price(Decimal("0.060000")), format_unit_price(Decimal("0.006"))
    ('$0.06', '$0.006')
    """
    number = format_decimal(price, "#,##0.00####", locale="en_US")
    symbol = format_currency(0, currency, "¤", locale="en_US")
    return f"{symbol}{number}"


def format_exact(amount: Decimal, currency: str = "USD") -> str:
    """Show a value that is not rounded: at least three places, at most six.

    >>> format_exact(Decimal("-0.654")), format_exact(Decimal("252.6"))
    ('−$0.654', '$252.600')
    """
    number = format_decimal(abs(amount), "#,##0.000###", locale="en_US")
    symbol = format_currency(0, currency, "¤", locale="en_US")
    return f"{MINUS if amount < 0 else ''}{symbol}{number}"
