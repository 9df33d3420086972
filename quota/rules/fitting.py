"""How many of a task's scans fit into what is left (rules 5.5)."""

from typing import NamedTuple


class Fit(NamedTuple):
    """The scans that fit, and what they cost together."""

    firsts: int
    repeats: int
    cost_tenths: int


def fit(
    *, firsts: int, repeats: int, first_tenths: int, repeat_tenths: int, within: int
) -> Fit:
    """Return how many fit: repeats come before firsts, and the first scan that does not
    fit leaves out all that come after it. A scan costs at least one tenth.

    >>> fit(firsts=3, repeats=4, first_tenths=10, repeat_tenths=1, within=25)
    Fit(firsts=2, repeats=4, cost_tenths=24)
    """
    repeats_in = min(repeats, within // repeat_tenths)
    left = within - repeats_in * repeat_tenths if repeats_in == repeats else 0
    firsts_in = min(firsts, left // first_tenths)
    cost = repeats_in * repeat_tenths + firsts_in * first_tenths
    return Fit(firsts_in, repeats_in, cost)
