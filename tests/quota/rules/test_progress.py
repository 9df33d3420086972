"""How long a task still takes, and how people say it."""

from datetime import UTC, datetime, timedelta

import pytest

from quota.rules.progress import time_left, words

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes", "ended", "left"),
    [(9, 56, 9 * MINUTE * 40 / 56), (9, 1, 9 * MINUTE * 95), (9, 96, timedelta())],
)
def test_the_rest_takes_as_long_for_each_as_what_has_ended(
    minutes: int, ended: int, left: timedelta
) -> None:
    assert time_left(NOON, NOON + minutes * MINUTE, ended, total=96) == left


@pytest.mark.parametrize(("minutes", "ended"), [(9, 0), (0, 5), (-1, 5), (0, 0)])
def test_before_the_first_has_ended_nothing_is_said(minutes: int, ended: int) -> None:
    assert time_left(NOON, NOON + minutes * MINUTE, ended, total=96) is None


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0.9, "less than a minute"),
        (59, "59 min"),
        (60, "1 h"),
        (61, "1 h 1 min"),
        (23 * 60 + 59, "23 h 59 min"),
        (24 * 60, "1 day"),
        (24 * 60 + 59, "1 day"),
        (49 * 60, "2 days 1 h"),
        (61 * 24, "1 day"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(minutes: float, said: str) -> None:
    assert words(minutes * MINUTE) == said
