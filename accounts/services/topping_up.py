"""Asking for a top-up, and leading the customer to where it is paid."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.errors import AmountOutOfRange, KeyReused
from accounts.models import Account, TopUp, User
from accounts.money import format_money, is_cents
from accounts.payments import gateways
from accounts.payments.port import Asked, PaymentRefused

State = TopUp.State
SMALLEST, LARGEST = Decimal("1.00"), Decimal("50000.00")
NAME = "tcss-top-up"


def payment_name(top_up: TopUp) -> str:
    """The name under which the provider knows a top-up."""
    return f"{NAME}:{top_up.account_id}:{top_up.pk}"


@transaction.atomic
def request(
    *,
    account: Account,
    method: str,
    amount: Decimal,
    key: UUID,
    by: User,
    now: datetime,
) -> TopUp:
    """Ask for a top-up; works in every state of the account (rules 4.7).

    A second call with the same ``key`` returns the first call's request; with another
    amount or method it is refused (409). Refuses an amount outside the limits.
    """
    if not (SMALLEST <= amount <= LARGEST and is_cents(amount)):
        low, high = (
            format_money(each, account.currency) for each in (SMALLEST, LARGEST)
        )
        raise AmountOutOfRange(f"Enter {low} to {high}.")
    locked = Account.objects.lock(account.pk)
    if earlier := TopUp.objects.filter(account=locked, key=key).first():
        if (earlier.method, earlier.amount) != (method, amount):
            raise KeyReused
        return earlier
    return TopUp.objects.create(
        account=locked,
        key=key,
        method=method,
        amount=amount,
        currency=locked.currency,
        by=by,
        created_at=now,
    )


def begin(*, top_up: TopUp, done_url: str, back_url: str) -> TopUp:
    """Have the provider prepare its page, once; calls out, so outside a transaction.

    Where the provider does not answer the request stays as it is, and the same press
    again asks for the same page. Where it refuses, the top-up has failed.
    """
    if top_up.state != State.REQUESTED:
        return top_up
    asked = Asked(
        name=payment_name(top_up),
        key=top_up.key,
        amount=top_up.amount,
        currency=top_up.currency,
        description=f"Top-up of {top_up.account}",
        email=top_up.by.email,
        done_url=done_url,
        back_url=back_url,
    )
    try:
        started = gateways()[top_up.method].start(asked)
    except PaymentRefused:
        _move(top_up, State.FAILED)
        raise
    _move(top_up, State.OPEN, session=started.session, page=started.page)
    top_up.refresh_from_db()
    return top_up


def _move(top_up: TopUp, state: TopUp.State, **columns: str) -> bool:
    """Move a request on, if it still is one."""
    requests = TopUp.objects.filter(
        account=top_up.account_id, pk=top_up.pk, state=State.REQUESTED
    )
    return bool(requests.update(state=state, **columns))
