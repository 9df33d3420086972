"""How many scans a month a new customer needs (ui: the estimator of a purchase)."""

from typing import NamedTuple

from quota.rules.units import TENTHS

LONGEST_MONTH = 31
WEEK = 7


class Need(NamedTuple):
    """What the first month and a later one can take at most; the smallest quantity that
    is sold and covers both, and what it leaves unused in the dearer of them."""

    first_month_tenths: int
    later_month_tenths: int
    quantity: int
    spare_tenths: int


def need(
    *,
    images: int,
    new_a_week: int,
    cycle_days: int,
    first_tenths: int,
    repeat_tenths: int,
    step: int,
) -> Need:
    """Count a month of 31 days in which every image is scanned once a cycle: the first
    time as a first scan, then as repeats. New images come evenly and stay.

    >>> numbers = {"first_tenths": 10, "repeat_tenths": 1, "step": 300}
    >>> found = need(images=500, new_a_week=14, cycle_days=7, **numbers)
    >>> found.first_month_tenths, found.quantity, found.spare_tenths
    (7868, 900, 1132)
    """
    runs = -(-LONGEST_MONTH // cycle_days)
    new = -(-new_a_week * LONGEST_MONTH // WEEK)
    fresh = first_tenths + (runs - 1) * repeat_tenths
    first_month = (images + new) * fresh
    later_month = (images + new) * runs * repeat_tenths + new * fresh
    most = max(first_month, later_month)
    quantity = max(1, -(-most // (step * TENTHS))) * step
    return Need(first_month, later_month, quantity, quantity * TENTHS - most)
