"""The only writer of the balance: each change is an entry with the balance after."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from accounts.errors import DebtOutstanding, InsufficientBalance
from accounts.models import Account, BalanceEntry, User
from accounts.money import is_cents


@transaction.atomic
def top_up(
    *, account: Account, amount: Decimal, reference: str, by: User | None, now: datetime
) -> BalanceEntry:
    """Add money to the balance. A second call with the same ``reference`` returns the
    first call's entry. Refuses an amount that is not positive whole cents."""
    if amount <= 0 or not is_cents(amount):
        raise ValueError(f"{amount} is not a positive amount in whole cents.")
    locked = Account.objects.lock(account.pk)
    earlier = BalanceEntry.objects.filter(account=locked, reference=reference).first()
    return earlier or _write(
        locked, BalanceEntry.Kind.TOP_UP, amount, reference, by=by, now=now
    )


@transaction.atomic
def pay(
    *,
    account: Account,
    amount: Decimal,
    kind: BalanceEntry.Kind,
    reference: str,
    by: User | None,
    now: datetime,
) -> BalanceEntry:
    """Take ``amount`` for an order. ``account`` is locked by the caller.

    Refuses what the balance does not cover, with the exact shortfall, and everything
    while a debt stands (rules 4.7).
    """
    if account.debt:
        raise DebtOutstanding(debt=account.debt, currency=account.currency)
    if account.balance < amount:
        raise InsufficientBalance(
            needed=amount, balance=account.balance, currency=account.currency
        )
    return _write(account, kind, -amount, reference, by=by, now=now)


def _write(
    account: Account,
    kind: BalanceEntry.Kind,
    amount: Decimal,
    reference: str,
    *,
    by: User | None,
    now: datetime,
) -> BalanceEntry:
    Account.objects.filter(pk=account.pk).update(balance=F("balance") + amount)
    account.balance += amount
    return BalanceEntry.objects.create(
        account=account,
        kind=kind,
        amount=amount,
        balance_after=account.balance,
        reference=reference,
        by=by,
        created_at=now,
    )
