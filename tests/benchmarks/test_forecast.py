"""The forecast against what then happened, beside the naive rate: used so far, by the
time gone by. Both errors are parts of what the whole month used."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest

from quota.rules.forecast import DAY, Run, forecast, measured_from

HOUR = timedelta(hours=1)
MONTH = 30
BEGAN = datetime(2026, 11, 15, 14, tzinfo=UTC)
RESET = BEGAN + MONTH * DAY
MONTHS = 40
# What is taken by hand in each hour of a month, and the runs of schedules.
History = tuple[Sequence[int], Sequence[Run]]


def by_hand(random: Random, mean: Callable[[datetime], Fraction | int]) -> list[int]:
    """Scans as they come: each hour twice as likely as not to be near its mean."""
    taken = []
    for hour in range(MONTH * 24):
        expected = mean(BEGAN + hour * HOUR)
        taken.append(int(expected * random.randint(0, 200) / 100))
    return taken


def nightly(tenths: int) -> list[Run]:
    """A schedule that takes so much every night at two."""
    first = (BEGAN + DAY).replace(hour=2)
    return [Run(first + night * DAY, tenths) for night in range(MONTH)]


def steady(random: Random) -> History:
    """Much the same at every hour."""
    level = random.randint(5, 60)
    return by_hand(random, lambda _: level), []


def weekly(random: Random) -> History:
    """Office hours of five days."""
    level = random.randint(20, 200)

    def mean(at: datetime) -> int:
        return level if at.weekday() < 5 and 8 <= at.hour < 18 else 0

    return by_hand(random, mean), []


def bursty(random: Random) -> History:
    """Little, and now and then a new registry at once."""
    taken = by_hand(random, lambda _: 4)
    for _ in range(random.randint(2, 6)):
        taken[random.randrange(len(taken))] += random.randint(500, 3_000)
    return taken, []


def growing(random: Random) -> History:
    """Three in a hundred more each day."""
    level = random.randint(5, 40)

    def mean(at: datetime) -> Fraction:
        return level * Fraction(103, 100) ** ((at - BEGAN) // DAY)

    return by_hand(random, mean), []


def scheduled(random: Random) -> History:
    """A schedule, switched on some time in the month, and a little by hand."""
    since = BEGAN + random.randint(0, 20) * DAY
    runs = [run for run in nightly(random.randint(100, 600)) if run.at >= since]
    return by_hand(random, lambda _: 3), runs


HISTORIES = (steady, weekly, bursty, growing, scheduled)


def errors(history: History) -> Iterator[tuple[Fraction, Fraction]]:
    """The errors of the forecast and of the naive rate on each day of the month from
    the third on. A schedule is known once it ran."""
    taken, runs = history
    whole = sum(taken) + sum(run.tenths for run in runs)
    for day in range(2, MONTH):
        now = BEGAN + day * DAY
        before = sum(taken[: day * 24])
        ran = sum(run.tenths for run in runs if run.at < now)
        since = measured_from(BEGAN, now)
        known = runs if ran else []
        found = forecast(
            left_tenths=0,
            spent_tenths=sum(taken[(since - BEGAN) // HOUR : day * 24]),
            since=since,
            now=now,
            resets_at=RESET,
            runs=known,
        )
        assert found
        ahead = whole - before - ran
        naive = Fraction((before + ran) * (MONTH - day), day)
        yield (
            abs(Fraction(found.short_tenths - ahead, whole)),
            abs(Fraction(naive - ahead, whole)),
        )


def mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction()) / len(values)


def test_the_forecast_is_nearer_than_the_naive_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_ours: list[Fraction] = []
    of_naive: list[Fraction] = []
    lines = [f"\n{'mean error, parts of the month':<34} {'forecast':>9} {'naive':>9}"]
    for history in HISTORIES:
        random = Random(f"{history.__name__} 1")  # noqa: S311 -- the same each time
        found = [each for _ in range(MONTHS) for each in errors(history(random))]
        ours, naive = [each[0] for each in found], [each[1] for each in found]
        lines.append(line(history.__name__, ours, naive))
        of_ours += ours
        of_naive += naive
    lines.append(line("together", of_ours, of_naive))

    with capsys.disabled():
        print("\n".join(lines))  # noqa: T201 -- its purpose
    assert mean(of_ours) <= mean(of_naive)


def line(name: str, ours: Sequence[Fraction], naive: Sequence[Fraction]) -> str:
    figures = (f"{int(mean(each) * 1_000) / 10:>8}%" for each in (ours, naive))
    return f"{name:<34} {' '.join(figures)}"
