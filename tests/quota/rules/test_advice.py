"""Advice: the smallest purchase that is enough, and the most that is left can do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from quota.rules.advice import Demand, Stock, shortage, smallest_purchase, use_of
from quota.rules.calendar import Span, windows
from quota.rules.forecast import DAY, Run, forecast, purchase_to_cover
from quota.rules.units import TENTHS

NOW = datetime(2026, 11, 27, 9, 21, tzinfo=UTC)
STEP, MOST = 300, 300_000
days = st.integers(0, 400).map(lambda n: timedelta(days=n))
runs = st.lists(
    st.builds(Run, days.map(lambda ahead: NOW + ahead), st.integers(1, 5_000)),
    max_size=10,
)
demands = st.builds(
    Demand, st.just(NOW), st.integers(0, 40_000), st.just(7 * DAY), runs
)
packs = st.lists(
    st.tuples(st.integers(0, 29), st.integers(0, 5).map(lambda n: n * 3_000)),
    max_size=3,
)
ends = st.integers(1, 400).map(lambda n: NOW + timedelta(days=n, hours=5))


def stocks_of(bought: list[tuple[int, int]], end: datetime) -> list[Stock]:
    return [
        Stock(span.starts_at, span.ends_at, tenths)
        for ago, tenths in bought
        for span in windows(NOW - ago * DAY, end, ZoneInfo("UTC"))
        if span.ends_at > NOW
    ]


def with_purchase(stocks: list[Stock], spans: list[Span], quantity: int) -> list[Stock]:
    more = [Stock(s.starts_at, s.ends_at, quantity * TENTHS) for s in spans]
    return [*stocks, *more]


@given(packs, demands, ends)
def test_the_advised_purchase_is_enough_and_a_smaller_one_is_not(
    bought: list[tuple[int, int]], demand: Demand, end: datetime
) -> None:
    stocks, spans = stocks_of(bought, end), windows(NOW, end, ZoneInfo("UTC"))

    found = smallest_purchase(stocks, spans, demand, step=STEP, most=MOST)

    assert found % STEP == 0
    assert not shortage(with_purchase(stocks, spans, found), demand, end)
    if found:
        less = with_purchase(stocks, spans, found - STEP)
        assert shortage(less, demand, end)


@given(packs, demands, ends, st.integers(1, 9))
def test_more_quota_is_never_missing_more(
    bought: list[tuple[int, int]], demand: Demand, end: datetime, steps: int
) -> None:
    stocks, spans = stocks_of(bought, end), windows(NOW, end, ZoneInfo("UTC"))
    some = shortage(with_purchase(stocks, spans, steps * STEP), demand, end)
    more = shortage(with_purchase(stocks, spans, (steps + 1) * STEP), demand, end)

    assert more <= some <= shortage(stocks, demand, end)


@given(demands, st.integers(0, 40_000), st.integers(1, 29))
def test_of_one_month_it_is_what_the_forecast_is_short(
    demand: Demand, left: int, ahead: int
) -> None:
    end = NOW + ahead * DAY
    stock = Stock(NOW - DAY, end, left)
    found = forecast(
        left_tenths=left,
        spent_tenths=demand.spent_tenths,
        since=NOW - demand.measured,
        now=NOW,
        resets_at=end,
        runs=demand.runs,
    )

    assert found
    assert shortage([stock], demand, end) == found.short_tenths
    spans = windows(NOW, end, ZoneInfo("UTC"))
    advised = smallest_purchase([stock], spans, demand, step=STEP, most=MOST)
    assert advised == purchase_to_cover(found.short_tenths, STEP)


def test_nothing_is_advised_after_the_end_and_at_most_the_most() -> None:
    demand = Demand(NOW, 10**9, 7 * DAY)
    spans = windows(NOW, NOW + 40 * DAY, ZoneInfo("UTC"))

    assert smallest_purchase([], [], demand, step=STEP, most=MOST) == 0
    assert smallest_purchase([], spans, demand, step=STEP, most=900) == 900


@given(
    st.integers(0, 5_000),
    st.integers(0, 300),
    st.integers(0, 3_000),
    st.integers(1, 20),
)
def test_what_is_left_over_is_used_whole_and_never_more(
    spare: int, firsts: int, repeats: int, first_tenths: int
) -> None:
    use = use_of(
        spare,
        firsts=firsts,
        repeats=repeats,
        first_tenths=first_tenths,
        repeat_tenths=1,
    )
    left = spare - use.firsts * first_tenths - use.repeats

    assert 0 <= use.firsts <= firsts
    assert 0 <= use.repeats <= repeats
    assert left >= 0
    assert use.firsts == firsts or left + use.repeats < first_tenths
    assert use.repeats == repeats or left == 0
