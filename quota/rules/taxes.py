"""How much of a price is tax, where prices include it."""

from decimal import Decimal

from accounts.money import to_cents

HUNDRED = Decimal(100)


def split_tax(total: Decimal, percent: Decimal) -> tuple[Decimal, Decimal]:
    """Return the net amount and the tax in it: together exactly the total.

    >>> split_tax(Decimal("64.92"), Decimal(9))
    (Decimal('59.56'), Decimal('5.36'))
    >>> split_tax(Decimal("64.92"), Decimal(0))
    (Decimal('64.92'), Decimal('0.00'))
    """
    net = to_cents(total * HUNDRED / (HUNDRED + percent))
    return net, total - net
