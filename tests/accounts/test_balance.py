"""The balance, the debt a reversal leaves, and what explains both."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.errors import (
    Conflict,
    DebtOutstanding,
    InsufficientBalance,
    ReferenceReused,
)
from accounts.models import Account, BalanceEntry
from accounts.services import balance
from quota.quotes import Basket
from quota.services.reconciling import reconcile
from tests.factories import account_with, buy, top_up

pytestmark = pytest.mark.django_db
Kind = BalanceEntry.Kind
CENTS = st.integers(min_value=1, max_value=10_000).map(lambda n: Decimal(n) / 100)


def reverse(
    account: Account, amount: Decimal | int, now: datetime, reference: str = "wrong:1"
) -> BalanceEntry:
    return balance.reverse(
        account=account,
        amount=Decimal(amount),
        reference=reference,
        reason="Charged back.",
        by=None,
        now=now,
    )


def stands(account: Account) -> str:
    """The balance, and after a stroke the debt."""
    account.refresh_from_db()
    return f"{account.balance} / {account.debt}"


def books_are_proved() -> bool:
    return not [proof for proof in reconcile() if proof.broken]


def test_a_reversal_takes_what_is_there_and_records_a_debt(
    account: Account, now: datetime
) -> None:
    top_up(account, 30, now)

    entry = reverse(account, 50, now)

    assert (entry.amount, entry.balance_after, entry.debt_after) == (-50, 0, 20)
    assert stands(account) == "0.00 / 20.00"
    assert books_are_proved()


def test_a_reversal_within_the_balance_leaves_no_debt(
    account: Account, now: datetime
) -> None:
    top_up(account, 30, now)

    reverse(account, 30, now)

    assert stands(account) == "0.00 / 0.00"
    assert books_are_proved()


@pytest.mark.parametrize(
    ("amount", "left", "paid"),
    [
        ("19.99", "0.00 / 0.01", "19.99"),
        ("20", "0.00 / 0.00", "20"),
        ("25", "5.00 / 0.00", "20"),
    ],
)
def test_the_next_top_up_pays_the_debt_first(
    account: Account, now: datetime, amount: str, left: str, paid: str
) -> None:
    reverse(account, 20, now)

    top_up(account, Decimal(amount), now)

    assert stands(account) == left
    assert BalanceEntry.objects.get(kind="top_up").debt_paid == Decimal(paid)
    assert books_are_proved()


def test_nothing_can_be_bought_while_a_debt_stands(now: datetime) -> None:
    account = account_with(now=now)
    reverse(account, 1001, now)

    with pytest.raises(DebtOutstanding, match=r"\$1\.00 is still owed"):
        buy(account, Basket(quantity=300), now)

    top_up(account, 1 + 36, now)
    buy(account, Basket(quantity=300), now)
    assert stands(account) == "0.00 / 0.00"
    assert books_are_proved()


def test_each_act_is_booked_once_per_reference(account: Account, now: datetime) -> None:
    def refund() -> BalanceEntry:
        return balance.credit(
            account=account,
            amount=Decimal("35.35"),
            kind=Kind.REFUND,
            reference="refund:1",
            by=None,
            now=now,
        )

    def adjust() -> BalanceEntry:
        return balance.adjust(
            account=account,
            amount=Decimal(-5),
            reference="adjustment:1",
            reason="Agreed by phone.",
            by=None,
            now=now,
        )

    acts: list[Callable[[], BalanceEntry]] = [
        refund,
        lambda: reverse(account, 10, now),
        adjust,
    ]
    for act in acts:
        assert act().pk == act().pk

    assert stands(account) == "20.35 / 0.00"
    assert BalanceEntry.objects.count() == 3
    assert books_are_proved()


def test_a_reference_that_comes_back_with_another_amount_is_refused(
    account: Account, now: datetime
) -> None:
    reverse(account, 10, now)

    with pytest.raises(ReferenceReused) as refusal:
        reverse(account, 11, now)

    assert isinstance(refusal.value, Conflict)
    assert stands(account) == "0.00 / 10.00"


def test_an_adjustment_never_takes_more_than_there_is(
    account: Account, now: datetime
) -> None:
    top_up(account, 4, now)

    def adjust(amount: int) -> BalanceEntry:
        return balance.adjust(
            account=account,
            amount=Decimal(amount),
            reference=f"adjustment:{amount}",
            reason="Agreed by phone.",
            by=None,
            now=now,
        )

    with pytest.raises(InsufficientBalance) as refusal:
        adjust(-5)
    assert refusal.value.needed == Decimal(5)
    assert refusal.value.balance == Decimal(4)
    assert stands(account) == "4.00 / 0.00"

    assert adjust(-4).balance_after == 0
    with pytest.raises(InsufficientBalance):
        balance.pay(
            account=Account.objects.lock(account.pk),
            amount=Decimal("0.01"),
            kind=Kind.PURCHASE,
            reference="order:1",
            by=None,
            now=now,
        )


def test_an_amount_that_is_not_positive_cents_is_a_bug(
    account: Account, now: datetime
) -> None:
    for amount in (Decimal(0), Decimal(-1), Decimal("0.001")):
        with pytest.raises(ValueError, match="whole cents"):
            top_up(account, amount, now)
        with pytest.raises(ValueError, match="whole cents"):
            reverse(account, amount, now)
    with pytest.raises(ValueError, match="whole cents"):
        balance.adjust(
            account=account,
            amount=Decimal("-0.001"),
            reference="adjustment:1",
            reason="Agreed by phone.",
            by=None,
            now=now,
        )


def test_an_account_that_was_not_locked_is_never_written(
    account: Account, now: datetime
) -> None:
    richer, owing_less = (Account.objects.get(pk=account.pk) for _ in range(2))
    richer.balance = Decimal(100)
    reverse(account, 10, now)

    for stale in (richer, owing_less):
        with pytest.raises(RuntimeError, match="not locked"):
            balance.pay(
                account=stale,
                amount=stale.balance,
                kind=Kind.PURCHASE,
                reference="order:1",
                by=None,
                now=now,
            )


def test_a_top_up_wakes_the_renewal_of_its_account_once(
    account: Account, now: datetime
) -> None:
    top_up(account, 1, now)
    top_up(account, 1, now)

    job = ProcrastinateJob.objects.get(task_name="quota.tasks.renew_account")
    assert job.args == {"account_id": account.pk}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(["top_up", "reverse", "refund", "pay"]), CENTS),
        max_size=12,
    )
)
def test_whatever_happens_the_entries_explain_balance_and_debt(
    account: Account, now: datetime, acts: list[tuple[str, Decimal]]
) -> None:
    entries = BalanceEntry.objects.values_list("amount", flat=True)
    expected = sum(entries, start=Decimal(0))
    for act, amount in acts:
        expected += _play(account, act, amount, now)
        account.refresh_from_db()
        assert account.balance == max(expected, Decimal(0))
        assert account.debt == max(-expected, Decimal(0))

    assert books_are_proved()


def _play(account: Account, act: str, amount: Decimal, now: datetime) -> Decimal:
    """Do one act; return by how much it must have moved what stands."""
    reference = str(uuid4())
    if act == "reverse":
        reverse(account, amount, now, reference)
        return -amount
    if act == "pay":
        locked = Account.objects.lock(account.pk)
        could = not locked.debt and locked.balance >= amount
        paid = _pays(locked, amount, reference, now)
        assert paid == could
        return -amount if paid else Decimal(0)
    kind = Kind.REFUND if act == "refund" else Kind.TOP_UP
    balance.credit(
        account=account, amount=amount, kind=kind, reference=reference, by=None, now=now
    )
    return amount


def _pays(account: Account, amount: Decimal, reference: str, now: datetime) -> bool:
    try:
        balance.pay(
            account=account,
            amount=amount,
            kind=Kind.PURCHASE,
            reference=reference,
            by=None,
            now=now,
        )
    except (DebtOutstanding, InsufficientBalance):
        return False
    return True
