"""Quota is counted in tenths and shown as people read it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.units import (
    MINUS,
    TENTHS,
    format_quota,
    format_quota_column,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("tenths", "text", "column"),
    [
        (2891, "289.1", "289.1"),
        (9000, "900", "900.0"),
        (12840, "1,284", "1,284.0"),
        (3960, "396", "396.0"),
        (0, "0", "0.0"),
        (1, "0.1", "0.1"),
        (-1, "−0.1", "−0.1"),
        (-12845, "−1,284.5", "−1,284.5"),
        (30_000_000, "3,000,000", "3,000,000.0"),
    ],
)
def test_quota_is_shown_in_both_ways(tenths: int, text: str, column: str) -> None:
    assert format_quota(tenths) == text
    assert format_quota_column(tenths) == column


@given(st.integers(-(10**12), 10**12))
def test_what_is_shown_is_what_is_counted(tenths: int) -> None:
    for text in (format_quota(tenths), format_quota_column(tenths)):
        plain = text.replace(",", "").replace(MINUS, "-")

        assert Decimal(plain) * TENTHS == tenths


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("300", 300),
        (" 1,200 ", 1200),
        ("300,000", 300_000),
        ("0", 0),
        ("-300", -300),
        ("−300", -300),
        ("1000000000", 10**9),
    ],
)
def test_a_quantity_is_read_as_people_write_it(text: str, quantity: int) -> None:
    assert parse_quantity(text) == quantity


@pytest.mark.parametrize(
    "text",
    ["", " ", "many", "3e2", "300.0", "1,2", "12,00", "1_000", "--3", "٣٠٠", "9" * 99],
)
def test_what_is_no_whole_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^Enter a whole number of scans, such as 300\.$"
    ):
        parse_quantity(text)


@given(st.integers(-(10**15), 10**15))
def test_a_quantity_survives_being_shown(quantity: int) -> None:
    assert parse_quantity(format_quota(quantity * TENTHS)) == quantity
