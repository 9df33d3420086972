"""Corrections of a balance by staff: alone up to a limit, above it by two."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Abs

from accounts.errors import KeyReused, NothingToDo, SecondPersonNeeded
from accounts.models import Account, Adjustment, User
from accounts.services import audit, balance
from accounts.services.staff import require_stranger

State = Adjustment.State
COUNTED = timedelta(days=30)


@transaction.atomic
def ask(
    *,
    account: Account,
    amount: Decimal,
    reason: str,
    key: UUID,
    by: User,
    now: datetime,
    address: str | None = None,
) -> Adjustment:
    """Correct a balance, up or down, for a reason that the customer reads.

    Booked at once, unless the account's corrections of 30 days, this one included,
    exceed the limit: then it waits for a second person. A second call with the same
    ``key`` returns the first call's. Never takes more than there is.
    """
    locked = Account.objects.lock(account.pk)
    require_stranger(locked, by)
    if earlier := Adjustment.objects.filter(account=locked, key=key).first():
        if (earlier.amount, earlier.reason) != (amount, reason):
            raise KeyReused
        return earlier
    adjustment = Adjustment.objects.create(
        account=locked,
        key=key,
        amount=amount,
        reason=reason,
        needs_second=_needs_second(locked, amount, now),
        asked_by=by,
        asked_at=now,
    )
    _log(adjustment, "ask_adjustment", by, address, now)
    if not adjustment.needs_second:
        _decide(adjustment, State.BOOKED, by, address, now)
    return adjustment


def _needs_second(account: Account, amount: Decimal, now: datetime) -> bool:
    recent = Adjustment.objects.filter(
        account=account, state=State.BOOKED, decided_at__gt=now - COUNTED
    )
    booked = recent.aggregate(total=Sum(Abs("amount")))["total"] or Decimal(0)
    return bool(booked + abs(amount) > settings.ADJUSTMENT_SECOND_PERSON_ABOVE)


@transaction.atomic
def confirm(
    *, adjustment: Adjustment, by: User, now: datetime, address: str | None = None
) -> Adjustment:
    """Book a waiting correction as the second person, who is not the first (403)."""
    if adjustment.asked_by_id == by.pk:
        raise SecondPersonNeeded
    return _decide(adjustment, State.BOOKED, by, address, now)


@transaction.atomic
def decline(
    *, adjustment: Adjustment, by: User, now: datetime, address: str | None = None
) -> Adjustment:
    """Drop a waiting correction; whoever asked may do so, too."""
    return _decide(adjustment, State.DECLINED, by, address, now)


def _decide(
    adjustment: Adjustment,
    state: Adjustment.State,
    by: User,
    address: str | None,
    now: datetime,
) -> Adjustment:
    account = Account.objects.lock(adjustment.account_id)
    require_stranger(account, by)
    waiting = Adjustment.objects.filter(
        account=account, pk=adjustment.pk, state=State.WAITING
    )
    if not waiting.update(state=state, decided_by=by, decided_at=now):
        raise NothingToDo("This adjustment was already decided.")
    if state == State.BOOKED:
        balance.adjust(
            account=account,
            amount=adjustment.amount,
            reference=f"adjustment:{adjustment.pk}",
            reason=adjustment.reason,
            by=by,
            now=now,
        )
    _log(adjustment, f"adjustment_{state}", by, address, now)
    adjustment.refresh_from_db()
    return adjustment


def _log(
    adjustment: Adjustment, act: str, by: User, address: str | None, now: datetime
) -> None:
    audit.record(
        by=by,
        act=act,
        target=f"adjustment {adjustment.pk}",
        account=adjustment.account,
        after={"amount": str(adjustment.amount)},
        reason=adjustment.reason,
        address=address,
        now=now,
    )
