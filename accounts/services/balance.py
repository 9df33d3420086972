"""The only writer of the balance: each change is an entry with what stands after it.

A debt is what is missing below zero: the balance less the debt is always the sum of
the entries, so whatever comes in pays a standing debt first (rules 4.7).
"""

from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.errors import DebtOutstanding, InsufficientBalance, ReferenceReused
from accounts.models import Account, BalanceEntry, User
from accounts.money import is_cents
from accounts.services import waking

Kind = BalanceEntry.Kind


@transaction.atomic
def top_up(
    *, account: Account, amount: Decimal, reference: str, by: User | None, now: datetime
) -> BalanceEntry:
    """Add money, to a standing debt first, and have a due renewal tried again.

    A second call with the same ``reference`` returns the first call's entry. Refuses
    an amount that is not positive whole cents.
    """
    entry = credit(
        account=account,
        amount=amount,
        kind=Kind.TOP_UP,
        reference=reference,
        by=by,
        now=now,
    )
    waking.wake_renewal(account.pk)
    return entry


@transaction.atomic
def credit(
    *,
    account: Account,
    amount: Decimal,
    kind: BalanceEntry.Kind,
    reference: str,
    by: User | None,
    now: datetime,
    reason: str = "",
) -> BalanceEntry:
    """Add money of this kind, such as a refund, to a standing debt first.

    A second call with the same ``reference`` returns the first call's entry; with
    another kind or amount it is refused (409).
    """
    _require_positive_cents(amount)
    return _book(account, kind, amount, reference, reason=reason, by=by, now=now)


@transaction.atomic
def reverse(
    *,
    account: Account,
    amount: Decimal,
    reference: str,
    reason: str,
    by: User | None,
    now: datetime,
) -> BalanceEntry:
    """Take back money that turned out not to be there: a chargeback, a wrong top-up.

    Takes what is there; what is missing becomes a debt, and while it stands nothing
    can be bought. A second call with the same ``reference`` returns the first entry.
    """
    _require_positive_cents(amount)
    return _book(
        account, Kind.REVERSAL, -amount, reference, reason=reason, by=by, now=now
    )


@transaction.atomic
def adjust(
    *,
    account: Account,
    amount: Decimal,
    reference: str,
    reason: str,
    by: User | None,
    now: datetime,
) -> BalanceEntry:
    """Correct the balance by hand, up or down, for a reason the customer reads.

    Never takes more than there is. A second call with the same ``reference`` returns
    the first call's entry.
    """
    _require_positive_cents(abs(amount))
    locked = Account.objects.lock(account.pk)
    if earlier := _earlier(locked, Kind.ADJUSTMENT, amount, reference):
        return earlier
    if locked.balance + amount < 0:
        raise InsufficientBalance(
            needed=-amount, balance=locked.balance, currency=locked.currency
        )
    return _write(
        locked, Kind.ADJUSTMENT, amount, reference, reason=reason, by=by, now=now
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


def _require_positive_cents(amount: Decimal) -> None:
    if amount <= 0 or not is_cents(amount):
        raise ValueError(f"{amount} is not a positive amount in whole cents.")


def _book(
    account: Account,
    kind: BalanceEntry.Kind,
    amount: Decimal,
    reference: str,
    *,
    reason: str,
    by: User | None,
    now: datetime,
) -> BalanceEntry:
    locked = Account.objects.lock(account.pk)
    return _earlier(locked, kind, amount, reference) or _write(
        locked, kind, amount, reference, reason=reason, by=by, now=now
    )


def _earlier(
    account: Account, kind: BalanceEntry.Kind, amount: Decimal, reference: str
) -> BalanceEntry | None:
    entries = BalanceEntry.objects.filter(account=account, reference=reference)
    earlier = entries.first()
    if earlier and (earlier.kind, earlier.amount) != (kind, amount):
        raise ReferenceReused(reference)
    return earlier


def _write(
    account: Account,
    kind: BalanceEntry.Kind,
    amount: Decimal,
    reference: str,
    *,
    by: User | None,
    now: datetime,
    reason: str = "",
) -> BalanceEntry:
    standing = account.balance - account.debt + amount
    balance, debt = max(standing, Decimal(0)), max(-standing, Decimal(0))
    as_locked = Account.objects.filter(
        pk=account.pk, balance=account.balance, debt=account.debt
    )
    if not as_locked.update(balance=balance, debt=debt):
        raise RuntimeError("The account was not locked, or changed since it was.")
    account.balance, account.debt = balance, debt
    return BalanceEntry.objects.create(
        account=account,
        kind=kind,
        amount=amount,
        balance_after=balance,
        debt_after=debt,
        reference=reference,
        reason=reason,
        by=by,
        created_at=now,
    )
