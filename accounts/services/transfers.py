"""Bank transfers: staff record what reached the bank, and take back what was wrong."""

from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from accounts.errors import NothingToDo, ReferenceReused
from accounts.models import Account, BankTransfer, TopUp, User
from accounts.services import audit, balance
from accounts.services.staff import require_stranger


def normal_reference(text: str) -> str:
    """A bank's reference as it is compared: capitals, single spaces."""
    return " ".join(text.upper().split())


@transaction.atomic
def record(
    *,
    account: Account,
    amount: Decimal,
    bank_reference: str,
    value_on: date,
    by: User,
    now: datetime,
    address: str | None = None,
) -> BankTransfer:
    """Book a transfer that reached the bank; it is money from this instant.

    Recording the same bank reference again with the same account, amount and value
    date returns the first; with others it is refused (409), whichever account it was
    given to. The oldest open request of this amount is paid by it. Staff record
    nothing for an account of their own.
    """
    require_stranger(account, by)
    locked = Account.objects.lock(account.pk)
    asked = (locked.pk, amount, value_on)
    reference = normal_reference(bank_reference)
    recorded = BankTransfer.objects.filter(bank_reference=reference, reversed_at=None)
    if earlier := recorded.first():
        return _as_asked(earlier, asked)
    # For another account the same reference may be recorded at this very moment.
    BankTransfer.objects.bulk_create(
        [
            BankTransfer(
                account=locked,
                amount=amount,
                bank_reference=reference,
                value_on=value_on,
                by=by,
                recorded_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    transfer = _as_asked(recorded.get(), asked)
    balance.top_up(
        account=locked,
        amount=amount,
        reference=f"bank-transfer:{transfer.pk}",
        by=by,
        now=now,
    )
    _pay_request(locked, amount, now)
    audit.record(
        by=by,
        act="record_top_up",
        target=reference,
        account=locked,
        after={"amount": str(amount), "value date": str(value_on)},
        address=address,
        now=now,
    )
    return transfer


def _as_asked(transfer: BankTransfer, asked: tuple[int, Decimal, date]) -> BankTransfer:
    if (transfer.account_id, transfer.amount, transfer.value_on) != asked:
        raise ReferenceReused(transfer.bank_reference)
    return transfer


def _pay_request(account: Account, amount: Decimal, now: datetime) -> None:
    """Close the oldest open request that asked for this amount; there may be none."""
    requests = TopUp.objects.filter(
        account=account,
        method=TopUp.Method.BANK,
        state=TopUp.State.OPEN,
        amount=amount,
    )
    if oldest := requests.order_by("created_at", "pk").first():
        requests.filter(pk=oldest.pk).update(state=TopUp.State.PAID, paid_at=now)


@transaction.atomic
def reverse(
    *,
    transfer: BankTransfer,
    reason: str,
    by: User,
    now: datetime,
    address: str | None = None,
) -> BankTransfer:
    """Take a wrongly recorded transfer back; what was spent of it becomes a debt
    (rules 4.7). Refuses one that is reversed already (409), and staff of the account.
    """
    account = Account.objects.lock(transfer.account_id)
    require_stranger(account, by)
    recorded = BankTransfer.objects.filter(pk=transfer.pk, reversed_at=None)
    if not recorded.update(reversed_at=now):
        raise NothingToDo(f"{transfer} was already taken back.")
    balance.reverse(
        account=account,
        amount=transfer.amount,
        reference=f"bank-transfer:{transfer.pk}:reversed",
        reason=reason,
        by=by,
        now=now,
    )
    audit.record(
        by=by,
        act="reverse_top_up",
        target=transfer.bank_reference,
        account=account,
        before={"amount": str(transfer.amount)},
        after={"balance": str(account.balance), "debt": str(account.debt)},
        reason=reason,
        address=address,
        now=now,
    )
    transfer.refresh_from_db()
    return transfer
