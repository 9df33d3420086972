"""The sums of rules 8: clamped, rounded once, exact to the period begun."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quota.rules.refunds import (
    ALLOWED,
    OPEN,
    Computation,
    Payment,
    RefundState,
    TermUse,
    WindowUse,
    credit_notes,
    needs_second_person,
    term_use,
)

START = datetime(2024, 3, 15, 14, tzinfo=UTC)
MONTH = timedelta(days=30)


def window(number: int, used: int, price: str = "0.06", held: int = 0) -> WindowUse:
    starts = START + number * MONTH
    return WindowUse(
        window_id=number,
        starts_at=starts,
        ends_at=starts + MONTH,
        granted_tenths=3000,
        used_tenths=used,
        held_tenths=held,
        lapsed_tenths=0,
        free_tenths=3000 - used - held,
        price=Decimal(price),
    )


def paid(*amounts: str) -> tuple[Payment, ...]:
    return tuple(
        Payment(number, f"240315-{number:04}", "300 scans", Decimal(amount))
        for number, amount in enumerate(amounts, 1)
    )


def test_the_seed_like_case_pays_back_35_35() -> None:
    computation = Computation(
        "USD", START, paid("36.00"), (window(0, 109), window(1, 0))
    )

    assert computation.deducted == Decimal("0.654")
    assert computation.refundable == Decimal("35.35")
    assert computation.formula == "$36.00 paid − 10.9 used × $0.06 = $35.35"


def test_lapsed_quota_is_not_deducted_but_valued() -> None:
    lapsed = window(0, 109)
    lapsed = WindowUse(
        **{
            **{name: getattr(lapsed, name) for name in WindowUse.__slots__},
            "lapsed_tenths": 2891,
            "free_tenths": 0,
        }
    )
    computation = Computation("USD", START, paid("36.00"), (lapsed, window(1, 0)))

    assert computation.refundable == Decimal("35.35")
    assert computation.lapsed_value == Decimal("17.346")


def test_after_the_end_nothing_is_proposed() -> None:
    computation = Computation(
        "USD", START, paid("36.00"), (window(0, 109),), is_over=True
    )

    assert computation.refundable == 0
    assert computation.most == Decimal("36.00")


cents = st.integers(0, 10**7).map(lambda n: Decimal(n) / 100)
prices = st.integers(1, 10**6).map(lambda n: Decimal(n) / 10**6)
windows = st.lists(st.tuples(st.integers(0, 3000), prices), max_size=36)


@given(st.lists(cents, min_size=1, max_size=5), cents, windows)
def test_a_refund_is_what_was_paid_less_what_was_used_rounded_once(
    payments: list[Decimal], refunded: Decimal, used: list[tuple[int, Decimal]]
) -> None:
    refunded = min(refunded, sum(payments, Decimal(0)))
    computation = Computation(
        "USD",
        START,
        tuple(Payment(n, str(n), "", amount) for n, amount in enumerate(payments)),
        tuple(window(n, tenths, str(price)) for n, (tenths, price) in enumerate(used)),
        refunded=refunded,
    )
    exact = sum(map(Fraction, payments), Fraction(0)) - sum(
        (Fraction(tenths) * Fraction(price) / 10 for tenths, price in used),
        Fraction(0),
    )
    most = sum(payments, Decimal(0)) - refunded

    assert 0 <= computation.refundable <= most
    assert computation.refundable.as_tuple().exponent == -2
    if 0 <= exact <= most:
        assert abs(Fraction(computation.refundable) - exact) <= Fraction(1, 200)
    if Fraction(computation.refundable) < exact:
        up = Fraction(computation.refundable) + Fraction(1, 200)
        assert exact < up or computation.refundable == most


@given(
    st.lists(
        st.tuples(cents, st.integers(1, 1200), st.integers(-2000, 2000)), max_size=6
    )
)
def test_terms_give_back_what_has_not_begun(
    terms: list[tuple[Decimal, int, int]],
) -> None:
    uses = [
        term_use(
            starts_at=START,
            ends_at=START + timedelta(hours=hours),
            paid=amount,
            now=START + timedelta(hours=into),
        )
        for amount, hours, into in terms
    ]

    for use, (amount, hours, into) in zip(uses, terms, strict=True):
        assert 0 <= use.begun <= use.periods == -(-hours // 24)
        assert 0 <= use.value <= amount
        if into < 0:
            assert use.value == 0
        if into >= hours:
            assert use.value == amount


@pytest.mark.parametrize(
    ("into", "begun"),
    [
        (timedelta(microseconds=-1), 0),
        (timedelta(0), 1),
        (timedelta(hours=24, microseconds=-1), 1),
        (timedelta(hours=24), 2),
        (timedelta(days=31), 31),
    ],
)
def test_a_period_is_begun_at_its_first_instant(into: timedelta, begun: int) -> None:
    use = term_use(
        starts_at=START,
        ends_at=START + timedelta(days=31),
        paid=Decimal("6.75"),
        now=START + into,
    )

    assert (use.periods, use.begun) == (31, begun)


def test_edition_pays_back_terms_not_begun_whole() -> None:
    terms = (
        TermUse(START, START + MONTH, Decimal("54.00"), 30, 30),
        TermUse(START + MONTH, START + 2 * MONTH, Decimal("54.00"), 30, 10),
        TermUse(START + 2 * MONTH, START + 3 * MONTH, Decimal("54.00"), 30, 0),
    )
    computation = Computation(
        "USD", START, paid("54.00", "54.00", "54.00"), terms=terms
    )

    assert computation.refundable == Decimal("90.00")
    assert computation.formula == ("$162.00 paid − $72.00 for 40 days begun = $90.00")


@given(st.lists(cents, min_size=1, max_size=6), st.data())
def test_credit_notes_add_up_and_never_exceed_an_order(
    amounts: list[Decimal], data: st.DataObject
) -> None:
    total = sum(amounts, Decimal(0))
    amount = Decimal(data.draw(st.integers(0, int(total * 100)))) / 100
    payments = [Payment(n, str(n), "", each) for n, each in enumerate(amounts)]

    notes = credit_notes(amount, payments)

    assert sum((note.amount for note in notes), Decimal(0)) == amount
    assert all(0 < note.amount <= amounts[note.order_id] for note in notes)
    assert [note.order_id for note in notes] == sorted(
        (note.order_id for note in notes), reverse=True
    )


def test_more_than_was_paid_has_no_credit_note() -> None:
    with pytest.raises(ValueError, match="more than was paid"):
        credit_notes(Decimal(37), paid("36.00"))


@given(windows, cents, st.booleans())
def test_a_frozen_computation_comes_back_as_it_was(
    used: list[tuple[int, Decimal]], refunded: Decimal, is_over: bool
) -> None:
    computation = Computation(
        "USD",
        START,
        paid("36.00", "18.00"),
        tuple(window(n, tenths, str(price)) for n, (tenths, price) in enumerate(used)),
        (term_use(starts_at=START, ends_at=START + MONTH, paid=refunded, now=START),),
        refunded,
        is_over,
    )

    assert Computation.from_plain(computation.plain()) == computation


@pytest.mark.parametrize(
    ("before", "amount", "needed"),
    [("0", "500", False), ("0", "500.01", True), ("400", "100.01", True)],
)
def test_a_second_person_is_needed_above_the_amount(
    before: str, amount: str, needed: bool
) -> None:
    assert needed == needs_second_person(
        approved_before=Decimal(before), amount=Decimal(amount), above=Decimal(500)
    )


def test_a_decided_request_moves_nowhere_and_an_open_one_can_always_be_given_up() -> (
    None
):
    given_up = {RefundState.REJECTED, RefundState.WITHDRAWN}

    assert set(ALLOWED) == set(RefundState)
    assert all(given_up <= ALLOWED[state] for state in OPEN)
    assert not any(ALLOWED[state] for state in set(RefundState) - set(OPEN))
