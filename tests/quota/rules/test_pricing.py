"""A quote lists every month, charges each whole, and rounds a line once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.money import is_cents
from quota.rules.calendar import boundary, windows
from quota.rules.pricing import (
    MAX_CORES,
    PackQuote,
    QuantityError,
    check_quantity,
    quote_edition,
    quote_pack,
)
from tests.quota.rules.strategies import ANCHORS, ZONES

PRICE = Decimal("0.06")
UTC_ZONE = ZoneInfo("UTC")
QUANTITIES = st.integers(1, 1000).map(lambda steps: steps * 300)
MOMENT = timedelta(microseconds=1)


def at(month: int, day: int, hour: int = 0) -> datetime:
    """An instant of 2025."""
    return datetime(2025, month, day, hour, tzinfo=UTC)


def quoted(
    anchor: datetime, end: datetime, quantity: int = 300, price: Decimal = PRICE
) -> PackQuote:
    """The quote of a pack, in UTC."""
    return quote_pack(
        quantity=quantity, anchor=anchor, end=end, zone=UTC_ZONE, quota_price=price
    )


def test_a_pack_of_300_costs_18_dollars_a_window_a_short_one_too() -> None:
    quote = quoted(at(1, 31), at(5, 15))

    assert [window.price for window in quote.windows] == [Decimal("18.00")] * 4
    assert [window.grant_tenths for window in quote.windows] == [3000] * 4
    assert [window.is_short for window in quote.windows] == [False, False, False, True]
    assert quote.total == Decimal("72.00")
    assert quote.formula == "300 × $0.06 × 4 months = $72.00"
    assert quote.short_last == at(5, 15) - at(4, 30)
    assert quote.uncharged_from is None


def test_one_whole_window_is_said_in_the_singular() -> None:
    quote = quoted(at(1, 15), at(2, 15), quantity=1200)

    assert quote.quantity == 1200
    assert quote.formula == "1,200 × $0.06 × 1 month = $72.00"
    assert quote.short_last is None
    assert quote.uncharged_from is None


def test_a_pack_that_would_begin_at_its_end_costs_nothing() -> None:
    quote = quoted(at(1, 15), at(1, 15))

    assert (quote.windows, quote.total) == ((), Decimal("0.00"))
    assert (quote.short_last, quote.uncharged_from) == (None, None)


def test_a_quote_speaks_the_currency_it_is_given() -> None:
    quote = quote_pack(
        quantity=300,
        anchor=at(1, 15),
        end=at(2, 15),
        zone=UTC_ZONE,
        quota_price=PRICE,
        currency="EUR",
    )

    assert quote.formula == "300 × €0.06 × 1 month = €18.00"


@given(QUANTITIES, ANCHORS, st.integers(1, 5 * 365), ZONES)
def test_the_price_is_always_quantity_times_price_times_windows(
    quantity: int, anchor: datetime, days: int, zone: ZoneInfo
) -> None:
    end = anchor + timedelta(days=days)
    spans = windows(anchor, end, zone)

    quote = quote_pack(
        quantity=quantity, anchor=anchor, end=end, zone=zone, quota_price=PRICE
    )

    assert quote.total == quantity * PRICE * len(spans)
    assert quote.total == sum(window.price for window in quote.windows)
    assert quote.total * 10 == PRICE * sum(w.grant_tenths for w in quote.windows)
    assert [(w.starts_at, w.ends_at, w.is_short) for w in quote.windows] == [
        (span.starts_at, span.ends_at, span.is_short) for span in spans
    ]


@given(
    QUANTITIES,
    st.integers(1, 60),
    st.decimals("0.000001", "10", places=6),
)
@example(300, 3, Decimal("0.000050"))
def test_a_line_is_rounded_once_at_any_price(
    quantity: int, months: int, price: Decimal
) -> None:
    anchor = at(1, 15)

    quote = quoted(anchor, boundary(anchor, months, UTC_ZONE), quantity, price)

    assert is_cents(quote.total)
    assert abs(quote.total - quantity * price * months) <= Decimal("0.005")
    assert all(is_cents(window.price) for window in quote.windows)


def test_a_line_is_not_the_sum_of_rounded_windows() -> None:
    quote = quoted(at(1, 15), at(4, 15), price=Decimal("0.000050"))

    assert [window.price for window in quote.windows] == [Decimal("0.02")] * 3
    assert quote.total == Decimal("0.05")


@pytest.mark.parametrize(
    ("length", "warned"),
    [
        (timedelta(hours=24), False),
        (timedelta(hours=24) - MOMENT, True),
        (MOMENT, True),
    ],
)
def test_a_last_month_under_24_hours_says_from_when_it_is_not_charged(
    length: timedelta, warned: bool
) -> None:
    anchor = at(3, 10, 14)

    quote = quoted(anchor, at(5, 10, 14) + length)

    assert quote.short_last == length
    assert quote.uncharged_from == (anchor + length if warned else None)


@pytest.mark.parametrize(
    ("anchor", "end", "since"),
    [
        # 28 to 31 January all reach 28 February: only the last of them is for good
        (at(1, 31, 13), at(2, 28, 14), at(1, 31, 14)),
        (at(1, 30, 13), at(2, 28, 14), at(1, 31, 14)),
        # and no day of January reaches 1 March
        (at(1, 28, 15), at(3, 1, 14), at(2, 1, 14)),
        # the only month is the short one: no purchase is possible at its end
        (at(1, 15, 13), at(1, 15, 14), at(1, 15, 14)),
    ],
)
def test_the_instant_is_right_where_months_differ_in_length(
    anchor: datetime, end: datetime, since: datetime
) -> None:
    quote = quoted(anchor, end)

    assert quote.uncharged_from == since


@given(
    ANCHORS,
    st.integers(1, 36),
    st.timedeltas(MOMENT, timedelta(hours=24) - MOMENT),
    ZONES,
)
def test_waiting_until_then_saves_one_window(
    anchor: datetime, months: int, length: timedelta, zone: ZoneInfo
) -> None:
    end = boundary(anchor, months, zone) + length
    before = quote_pack(
        quantity=300, anchor=anchor, end=end, zone=zone, quota_price=PRICE
    )
    assert before.uncharged_from

    after = quote_pack(
        quantity=300,
        anchor=before.uncharged_from,
        end=end,
        zone=zone,
        quota_price=PRICE,
    )

    assert anchor < before.uncharged_from
    assert len(after.windows) == len(before.windows) - 1


@pytest.mark.parametrize("quantity", [300, 600, 299_700, 300_000])
def test_multiples_of_the_step_are_sold(quantity: int) -> None:
    check_quantity(quantity, step=300, maximum=300_000)


@pytest.mark.parametrize(
    ("quantity", "sentence"),
    [
        (301, "Enter a multiple of 300. Nearest: 300 or 600."),
        (1499, "Enter a multiple of 300. Nearest: 1,200 or 1,500."),
        (299, "Enter a multiple of 300. Nearest: 300."),
        (1, "Enter a multiple of 300. Nearest: 300."),
        (0, "Enter a multiple of 300. Nearest: 300."),
        (-300, "Enter a multiple of 300. Nearest: 300."),
        (-301, "Enter a multiple of 300. Nearest: 300."),
        (299_999, "Enter a multiple of 300. Nearest: 299,700 or 300,000."),
    ],
)
def test_what_is_not_sold_is_refused_with_the_nearest_that_is(
    quantity: int, sentence: str
) -> None:
    with pytest.raises(QuantityError) as refusal:
        check_quantity(quantity, step=300, maximum=300_000)

    assert str(refusal.value) == sentence


@pytest.mark.parametrize("quantity", [300_001, 300_300, 10**9])
def test_more_than_the_maximum_is_refused_with_the_maximum(quantity: int) -> None:
    with pytest.raises(QuantityError) as refusal:
        check_quantity(quantity, step=300, maximum=300_000)

    assert str(refusal.value) == (
        "One purchase can add at most 300,000 scans a month. Buy again for more."
    )


def test_the_nearest_is_never_more_than_the_maximum() -> None:
    with pytest.raises(QuantityError, match=r"Nearest: 900\.$"):
        check_quantity(901, step=300, maximum=1000)


def test_the_edition_is_charged_for_all_its_months_at_once() -> None:
    quote = quote_edition(
        cores=8,
        months=12,
        anchor=at(1, 31, 14),
        zone=UTC_ZONE,
        edition_price=Decimal("6.75"),
    )

    assert (quote.cores, quote.months) == (8, 12)
    assert quote.total == Decimal("648.00")
    assert quote.formula == "8 × $6.75 × 12 months = $648.00"
    assert (quote.starts_at, quote.ends_at) == (
        at(1, 31, 14),
        datetime(2026, 1, 31, 14, tzinfo=UTC),
    )


def test_the_edition_ends_at_the_clock_time_of_its_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begun = datetime(2025, 1, 15, 14, tzinfo=berlin)

    quote = quote_edition(
        cores=1, months=6, anchor=begun, zone=berlin, edition_price=Decimal("6.75")
    )

    assert quote.ends_at == datetime(2025, 7, 15, 14, tzinfo=berlin)


@pytest.mark.parametrize(("cores", "months"), [(1, 1), (MAX_CORES, 36)])
def test_the_least_and_the_most_of_the_edition_are_sold(
    cores: int, months: int
) -> None:
    quote = quote_edition(
        cores=cores,
        months=months,
        anchor=at(1, 15),
        zone=UTC_ZONE,
        edition_price=Decimal("6.75"),
    )

    assert quote.total == cores * months * Decimal("6.75")


@pytest.mark.parametrize(
    ("cores", "months", "sentence"),
    [
        (1, 0, "Choose 1 to 36 months."),
        (1, 37, "Choose 1 to 36 months."),
        (0, 1, "Enter a number of cores from 1 to 100,000."),
        (-1, 1, "Enter a number of cores from 1 to 100,000."),
        (100_001, 1, "Enter a number of cores from 1 to 100,000."),
    ],
)
def test_other_months_and_cores_are_refused(
    cores: int, months: int, sentence: str
) -> None:
    with pytest.raises(QuantityError) as refusal:
        quote_edition(
            cores=cores,
            months=months,
            anchor=at(1, 15),
            zone=UTC_ZONE,
            edition_price=Decimal("6.75"),
        )

    assert str(refusal.value) == sentence
