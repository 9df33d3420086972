"""Money is exact, rounded once, half up, and shown as people read it."""

import os
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.money import (
    CENT,
    format_exact,
    format_money,
    format_unit_price,
    is_cents,
    to_cents,
)

AMOUNTS = st.decimals("-1000000", "1000000", places=6)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("0.004999", "0.00"),
        ("0.005", "0.01"),
        ("0.015", "0.02"),
        ("0.025", "0.03"),
        ("35.346", "35.35"),
        ("-0.005", "-0.01"),
        ("64.92", "64.92"),
    ],
)
def test_half_a_cent_rounds_up(amount: str, cents: str) -> None:
    assert to_cents(Decimal(amount)) == Decimal(cents)


@given(AMOUNTS)
def test_rounding_moves_by_at_most_half_a_cent_and_only_once(amount: Decimal) -> None:
    rounded = to_cents(amount)

    assert abs(rounded - amount) <= CENT / 2
    assert is_cents(rounded)
    assert to_cents(rounded) == rounded


@pytest.mark.parametrize(
    ("amount", "whole"),
    [
        ("0", True),
        ("64.9", True),
        ("64.920000", True),
        ("64.925", False),
        ("1E+3", True),
        ("1000000000000000000000000000000.01", True),
        ("1000000000000000000000000000000.001", False),
        ("NaN", False),
        ("Infinity", False),
    ],
)
def test_whole_cents_are_told_apart(amount: str, whole: bool) -> None:
    assert is_cents(Decimal(amount)) is whole


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("64.92", "$64.92"),
        ("0", "$0.00"),
        ("18", "$18.00"),
        ("1234567.5", "$1,234,567.50"),
        ("-64.92", "−$64.92"),
        ("-1064.9", "−$1,064.90"),
        ("0.125", "$0.13"),
        ("-0.001", "$0.00"),
    ],
)
def test_an_amount_shows_two_places_and_a_true_minus(amount: str, text: str) -> None:
    assert format_money(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("currency", "text"), [("EUR", "€64.92"), ("JPY", "¥64.92"), ("GBP", "£64.92")]
)
def test_an_amount_keeps_its_cents_in_every_currency(currency: str, text: str) -> None:
    assert format_money(Decimal("64.92"), currency) == text


@pytest.mark.parametrize(
    ("price", "text"),
    [
        ("0.06", "$0.06"),
        ("0.060000", "$0.06"),
        ("0.006", "$0.006"),
        ("6.75", "$6.75"),
        ("18", "$18.00"),
        ("0.000001", "$0.000001"),
    ],
)
def test_a_unit_price_shows_the_places_it_needs(price: str, text: str) -> None:
    assert format_unit_price(Decimal(price)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "$0.000"),
        ("0.654", "$0.654"),
        ("-0.5", "−$0.500"),
        ("1234.5", "$1,234.500"),
        ("0.000001", "$0.000001"),
    ],
)
def test_an_exact_value_shows_at_least_three_places(value: str, text: str) -> None:
    assert format_exact(Decimal(value)) == text


def test_the_language_of_the_server_changes_nothing() -> None:
    program = (
        "from decimal import Decimal as D; from accounts.money import *\n"
        "print(format_money(D('1064.9')), format_unit_price(D('1064.9'), 'AUD'),"
        " format_exact(D('1064.9'), 'AUD'))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LC_ALL": "de_DE.UTF-8", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    ).stdout.split()

    amount = Decimal("1064.9")
    assert shown == ["$1,064.90", "A$1,064.90", "A$1,064.900"]
    assert shown[:2] == [format_money(amount), format_unit_price(amount, "AUD")]
    assert shown[2] == format_exact(amount, "AUD")
