"""What fits, against a person who adds scan after scan until one is too many."""

from hypothesis import given
from hypothesis import strategies as st

from quota.rules.fitting import Fit, fit


@given(
    firsts=st.integers(0, 12),
    repeats=st.integers(0, 12),
    repeat_tenths=st.integers(1, 4),
    dearer=st.integers(0, 9),
    within=st.integers(0, 200),
)
def test_fits_as_counted_one_by_one(
    firsts: int, repeats: int, repeat_tenths: int, dearer: int, within: int
) -> None:
    first_tenths = repeat_tenths + dearer
    counted, spent = [0, 0], 0
    for kind, cost in [(1, repeat_tenths)] * repeats + [(0, first_tenths)] * firsts:
        if spent + cost > within:
            break
        counted[kind] += 1
        spent += cost

    found = fit(
        firsts=firsts,
        repeats=repeats,
        first_tenths=first_tenths,
        repeat_tenths=repeat_tenths,
        within=within,
    )

    assert found == Fit(counted[0], counted[1], spent)
