"""Renewal: growth for nothing, further windows for money, the same anchor."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from quota.rules.calendar import boundary, windows
from quota.rules.pricing import QuantityError, quote_pack
from quota.rules.renewal import (
    LastWindow,
    PackRenewal,
    check_kept,
    months_allowed,
    natural_end,
    renew_edition,
    renew_pack,
    total_of,
)
from tests.quota.rules.strategies import ANCHORS, ZONES

UTC_ZONE = ZoneInfo("UTC")
SINGAPORE = ZoneInfo("Asia/Singapore")
PRICE = Decimal("0.06")
MONTHS = st.integers(1, 36)


def at(month: int, day: int, hour: int = 14, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def carried(
    kept: int,
    anchor: datetime,
    old_end: datetime,
    new_end: datetime,
    zone: ZoneInfo = UTC_ZONE,
) -> PackRenewal:
    spans = windows(anchor, old_end, zone)
    return renew_pack(
        kept=kept,
        anchor=anchor,
        zone=zone,
        last=LastWindow(len(spans) - 1, spans[-1].starts_at, spans[-1].ends_at),
        old_end=old_end,
        new_end=new_end,
        quota_price=PRICE,
    )


def test_a_pack_of_the_first_hour_just_gets_further_windows() -> None:
    renewed = carried(300, at(1, 15), at(3, 15), at(5, 15))

    assert renewed.growth is None
    assert renewed.priced
    assert [w.starts_at for w in renewed.priced.windows] == [at(3, 15), at(4, 15)]
    assert renewed.priced.formula == "300 × $0.06 × 2 months = $36.00"
    assert renewed.first_number == 2


def test_a_short_last_window_grows_for_nothing() -> None:
    renewed = carried(600, at(1, 20), at(3, 15), at(4, 15))

    assert renewed.growth
    assert (renewed.growth.number, renewed.growth.ends_at) == (1, at(3, 15))
    assert renewed.growth.grown_to == at(3, 20)
    assert renewed.priced
    assert [(w.starts_at, w.ends_at) for w in renewed.priced.windows] == [
        (at(3, 20), at(4, 15))
    ]
    assert renewed.total == Decimal("36.00")


def test_where_the_last_window_grows_to_the_new_end_nothing_is_appended() -> None:
    renewed = carried(300, at(1, 31, 10), at(2, 28), at(3, 31, 10))

    assert renewed.growth
    assert renewed.growth.grown_to == at(3, 31, 10)
    assert renewed.priced is None


def test_whether_there_is_a_further_window_is_seen_in_the_zone_of_the_pack() -> None:
    bought = at(1, 30, 20)  # the 31st there, whose months end a day sooner in April

    renewed = carried(300, bought, at(4, 29, 0), at(4, 30, 0), SINGAPORE)

    assert renewed.priced
    assert [w.starts_at for w in renewed.priced.windows] == [at(4, 29, 20)]


def test_a_pack_is_priced_in_the_currency_of_the_account() -> None:
    renewed = renew_pack(
        kept=300,
        anchor=at(1, 15),
        zone=UTC_ZONE,
        last=LastWindow(0, at(1, 15), at(2, 15)),
        old_end=at(2, 15),
        new_end=at(3, 15),
        quota_price=PRICE,
        currency="EUR",
    )

    assert renewed.priced
    assert renewed.priced.formula == "300 × €0.06 × 1 month = €18.00"


def test_a_dropped_pack_grows_too_and_costs_nothing() -> None:
    renewed = carried(0, at(1, 20), at(3, 15), at(4, 15))

    assert renewed.growth
    assert renewed.growth.grown_to == at(3, 20)
    assert renewed.priced is None
    assert renewed.total == 0


def test_growth_stops_at_the_new_end_and_goes_on_with_the_next_renewal() -> None:
    anchor, old_end = at(1, 31, 10), at(2, 28)
    once = carried(300, anchor, old_end, at(3, 28))
    assert once.growth
    assert once.growth.grown_to == at(3, 28)
    assert once.priced is None

    grown = LastWindow(1, at(2, 28, 10), at(3, 28))
    twice = renew_pack(
        kept=300,
        anchor=anchor,
        zone=UTC_ZONE,
        last=grown,
        old_end=at(3, 28),
        new_end=at(4, 28),
        quota_price=PRICE,
    )

    assert twice.growth
    assert twice.growth.grown_to == at(3, 31, 10)
    assert twice.priced
    assert [w.starts_at for w in twice.priced.windows] == [at(3, 31, 10)]


@given(
    ANCHORS, st.integers(0, 40 * 24 * 3600), ZONES, ZONES, MONTHS, MONTHS, st.booleans()
)
@example(
    datetime(2026, 1, 28, 14, tzinfo=UTC), 68_000 * 4, UTC_ZONE, UTC_ZONE, 1, 1, True
)
def test_renewing_is_as_if_the_longer_term_had_been_bought_at_once(
    anchor: datetime,
    later: int,
    zone: ZoneInfo,
    pack_zone: ZoneInfo,
    months: int,
    more: int,
    is_kept: bool,
) -> None:
    old_end = boundary(anchor, months, zone)
    new_end = boundary(anchor, months + more, zone)
    bought = anchor + timedelta(seconds=later)
    assume(bought < old_end)

    renewed = carried(300 if is_kept else 0, bought, old_end, new_end, pack_zone)

    before = windows(bought, old_end, pack_zone)
    tiled = [(span.starts_at, span.ends_at) for span in before]
    if renewed.growth:
        tiled[-1] = (tiled[-1][0], renewed.growth.grown_to)
    further = renewed.priced.windows if renewed.priced else ()
    assert (renewed.priced is None) == (not further)
    assert renewed.first_number == len(before)
    tiled += [(window.starts_at, window.ends_at) for window in further]
    whole = [(s.starts_at, s.ends_at) for s in windows(bought, new_end, pack_zone)]
    assert tiled == (whole if is_kept else whole[: len(before)])
    assert renewed.total == 300 * PRICE * len(further)
    paid = quote_pack(
        quantity=300, anchor=bought, end=old_end, zone=pack_zone, quota_price=PRICE
    )
    at_once = quote_pack(
        quantity=300, anchor=bought, end=new_end, zone=pack_zone, quota_price=PRICE
    )
    if is_kept:
        assert paid.total + renewed.total == at_once.total


@given(ANCHORS, ZONES, st.lists(MONTHS, min_size=1, max_size=4))
def test_every_term_ends_on_the_anchors_own_months(
    anchor: datetime, zone: ZoneInfo, terms: list[int]
) -> None:
    reached, total = boundary(anchor, terms[0], zone), terms[0]
    for months in terms[1:]:
        assume(total + months <= 60)
        renewed = renew_edition(
            cores=2,
            months=months,
            months_before=total,
            anchor=anchor,
            old_end=reached,
            zone=zone,
            edition_price=Decimal("6.75"),
            now=anchor,
        )
        total += months
        assert renewed.starts_at == reached
        assert renewed.ends_at == boundary(anchor, total, zone)
        assert renewed.total == 2 * Decimal("6.75") * months
        reached = renewed.ends_at


def edition(
    months: int,
    before: int,
    now: datetime,
    anchor: datetime = at(1, 31),  # noqa: B008 -- never changed
    zone: ZoneInfo = UTC_ZONE,
) -> object:
    return renew_edition(
        cores=1,
        months=months,
        months_before=before,
        anchor=anchor,
        old_end=boundary(anchor, before, zone),
        zone=zone,
        edition_price=Decimal("6.75"),
        now=now,
    )


def test_the_end_is_at_most_60_months_ahead_to_the_instant() -> None:
    edition(24, 36, at(1, 31))

    with pytest.raises(QuantityError, match=r"Choose at most 23 months\.$"):
        edition(24, 36, at(1, 31) - timedelta(microseconds=1))
    with pytest.raises(QuantityError, match=r"Choose at most 2 months\.$"):
        edition(3, 58, at(1, 31))
    with pytest.raises(QuantityError, match=r"Choose at most 1 month\.$"):
        edition(2, 59, at(1, 31))
    with pytest.raises(
        QuantityError,
        match=r"^Professional Edition already runs for the 60 months that can be paid",
    ):
        edition(1, 60, at(1, 31))


@pytest.mark.parametrize(("before", "allowed"), [(1, 36), (24, 36), (25, 35), (59, 1)])
def test_a_renewal_reaches_36_months_on_and_60_ahead(before: int, allowed: int) -> None:
    found = months_allowed(
        months_before=before, anchor=at(1, 31), zone=UTC_ZONE, now=at(1, 31)
    )

    assert found == allowed


@pytest.mark.parametrize(
    ("anchor", "before", "now", "allowed"),
    [
        # 29 February there has no like in 2033, and a day less to go than in UTC
        (at(2, 28, 0), 60, at(2, 28, 18, 2028), 23),
        # the 31st there, the 30th in UTC: a day sooner in April
        (at(1, 30, 20), 30, at(4, 30, 0), 33),
    ],
)
def test_the_60_months_are_those_of_the_zone(
    anchor: datetime, before: int, now: datetime, allowed: int
) -> None:
    edition(allowed, before, now, anchor, SINGAPORE)
    with pytest.raises(QuantityError, match=f"at most {allowed} months"):
        edition(allowed + 1, before, now, anchor, SINGAPORE)


@pytest.mark.parametrize("months", [0, -1, 37])
def test_months_outside_1_to_36_are_refused(months: int) -> None:
    with pytest.raises(QuantityError, match="1 to 36"):
        edition(months, 1, at(1, 31))


@pytest.mark.parametrize("kept", [0, 300, 600, 900])
def test_a_pack_may_fall_to_a_multiple_or_to_nothing(kept: int) -> None:
    check_kept(kept, quantity=900, step=300)


def test_a_pack_sold_by_the_scan_may_fall_to_a_single_one() -> None:
    check_kept(1, quantity=5, step=1)


def test_a_pack_keeps_a_quantity_that_a_new_step_does_not_divide() -> None:
    check_kept(900, quantity=900, step=500)

    with pytest.raises(QuantityError, match="Nearest: 500 or 900"):
        check_kept(600, quantity=900, step=500)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (1200, "at most 900"),
        (901, "at most 900"),
        (299, "Nearest: 0 or 300"),
        (301, "Nearest: 300 or 600"),
        (-300, "Nearest: 0"),
        (-1, "Nearest: 0"),
        (899, "Nearest: 600 or 900"),
    ],
)
def test_other_quantities_are_refused_with_the_nearest(kept: int, words: str) -> None:
    with pytest.raises(QuantityError, match=words):
        check_kept(kept, quantity=900, step=300)


def test_the_total_is_the_sum_of_its_lines() -> None:
    priced = renew_edition(
        cores=8,
        months=1,
        months_before=2,
        anchor=at(1, 15),
        old_end=at(3, 15),
        zone=UTC_ZONE,
        edition_price=Decimal("6.75"),
        now=at(3, 1),
    )
    packs = [carried(kept, at(1, 20), at(3, 15), at(4, 15)) for kept in (300, 0, 600)]

    assert total_of(priced, packs) == Decimal("54.00") + 18 + 36
    assert priced.formula == "8 × $6.75 × 1 month = $54.00"


def test_a_renewal_is_priced_in_the_currency_of_the_account() -> None:
    priced = renew_edition(
        cores=1,
        months=1,
        months_before=1,
        anchor=at(1, 15),
        old_end=at(2, 15),
        zone=UTC_ZONE,
        edition_price=Decimal("6.75"),
        now=at(2, 1),
        currency="EUR",
    )

    assert priced.formula == "1 × €6.75 × 1 month = €6.75"


def test_months_ends_come_back_after_short_months() -> None:
    anchor = datetime(2024, 1, 31, 14, tzinfo=UTC)

    assert natural_end(anchor, 0, UTC_ZONE) == datetime(2024, 2, 29, 14, tzinfo=UTC)
    assert natural_end(anchor, 1, UTC_ZONE) == datetime(2024, 3, 31, 14, tzinfo=UTC)
