"""The estimator covers what a month can take, with the smallest quantity sold."""

from hypothesis import given
from hypothesis import strategies as st

from quota.rules.estimate import need

COUNTS = st.integers(0, 100_000)
CYCLES = st.sampled_from([1, 7, 15, 30])


def simulated(images: int, new_a_week: int, cycle: int) -> tuple[int, int]:
    """Play two months of 31 days: what the schedule would hold in each."""
    scanned, known, months = 0, images, [0, 0]
    for day in range(62):
        if day % cycle == 0:
            months[day // 31] += (known - scanned) * 10 + scanned
            scanned = known
        known += new_a_week // 7 + (day % 7 < new_a_week % 7)
    return months[0], months[1]


@given(COUNTS, st.integers(0, 5_000), CYCLES)
def test_no_month_takes_more_than_it_says(images: int, weekly: int, cycle: int) -> None:
    found = need(
        images=images,
        new_a_week=weekly,
        cycle_days=cycle,
        first_tenths=10,
        repeat_tenths=1,
        step=300,
    )

    first, second = simulated(images, weekly, cycle)
    assert first <= found.first_month_tenths
    assert second <= found.later_month_tenths
    most = max(found.first_month_tenths, found.later_month_tenths)
    assert found.quantity % 300 == 0
    assert 0 <= found.spare_tenths == found.quantity * 10 - most
    assert found.quantity == 300 or found.spare_tenths < 3000


def test_a_handful_of_images_fits_into_the_smallest() -> None:
    found = need(
        images=100,
        new_a_week=0,
        cycle_days=30,
        first_tenths=10,
        repeat_tenths=1,
        step=300,
    )

    assert (found.first_month_tenths, found.later_month_tenths) == (1100, 200)
    assert (found.quantity, found.spare_tenths) == (300, 1900)


def test_a_new_image_a_week_comes_to_five_in_a_month_and_a_week_to_five_runs() -> None:
    found = need(
        images=0,
        new_a_week=1,
        cycle_days=7,
        first_tenths=10,
        repeat_tenths=2,
        step=300,
    )

    assert found == (5 * 18, 5 * 5 * 2 + 5 * 18, 300, 2860)
    assert isinstance(found.first_month_tenths, int)
