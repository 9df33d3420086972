"""Booking what payment providers say: once, in whatever order they say it."""

import logging
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import Account, BalanceEntry, PaymentEvent, TopUp
from accounts.payments import STRIPE, gateways
from accounts.payments.port import (
    Effect,
    Event,
    Found,
    PaymentRefused,
    PaymentUnavailable,
    Standing,
)
from accounts.services import balance
from accounts.services.topping_up import NAME

logger = logging.getLogger(__name__)

State = TopUp.State
# A page that was opened moments ago is still being paid.
ASKED_AFTER = timedelta(minutes=2)
# Stripe forgets keys and sessions after a day; it keeps missed events for 30.
GIVEN_UP_AFTER = timedelta(hours=25)
MISSED_SINCE = timedelta(days=7)
STANDINGS = {
    Effect.PAID: Standing.PAID,
    Effect.EXPIRED: Standing.EXPIRED,
    Effect.FAILED: Standing.FAILED,
}
ENDS = {Standing.EXPIRED: State.EXPIRED, Standing.FAILED: State.FAILED}
WAITS = "Waits for its payment."
REASONS = {
    "dispute": "The card payment was disputed with the bank (chargeback).",
    "refund": "The card payment was paid back to the card.",
}


@transaction.atomic
def receive(*, provider: str, event: Event, now: datetime) -> str:
    """Book an event of a provider and say what came of it.

    A second delivery finds the first's outcome. An event about a payment that is not
    booked yet is kept until it is.
    """
    stored = PaymentEvent(
        provider=provider,
        event=event.id,
        kind=event.kind,
        effect=event.effect,
        thing=event.thing,
        top_up=event.name,
        session=event.session,
        payment=event.payment,
        amount=event.amount,
        currency=event.currency,
        received_at=now,
    )
    PaymentEvent.objects.bulk_create([stored], ignore_conflicts=True)
    top_up = _top_up_of(event)
    # The account before the event's row: settling takes them in this order, too.
    locked = Account.objects.lock(top_up.account_id) if top_up else None
    row = PaymentEvent.objects.select_for_update().get(
        provider=provider, event=event.id
    )
    return row.outcome if row.handled_at else _handle(row, event, top_up, locked, now)


def _top_up_of(event: Event) -> TopUp | None:
    """By our own name where the event carries it, else by the provider's payment."""
    if event.name:
        name, _, numbers = event.name.partition(":")
        account_id, _, pk = numbers.partition(":")
        if name != NAME or not (account_id.isdecimal() and pk.isdecimal()):
            return None
        return TopUp.objects.filter(account=int(account_id), pk=int(pk)).first()
    if not event.payment:
        return None
    return TopUp.objects.filter(payment=event.payment).first()


def _handle(
    row: PaymentEvent,
    event: Event,
    top_up: TopUp | None,
    account: Account | None,
    now: datetime,
) -> str:
    outcome = "Nothing to do."
    if top_up is None or account is None:
        if event.effect is not Effect.NONE:
            outcome = "Not a top-up of ours." if event.name else WAITS
    elif event.effect in STANDINGS:
        found = Found(
            STANDINGS[event.effect],
            event.session,
            event.payment,
            event.amount,
            event.currency,
        )
        outcome = _settle(account, top_up.pk, found, now)
    elif event.effect in (Effect.TAKE, Effect.RETURN):
        outcome = _move_back(row, account, top_up.pk, now)
    return _done(row, outcome, now)


def _done(row: PaymentEvent, outcome: str, now: datetime) -> str:
    handled_at = None if outcome == WAITS else now
    PaymentEvent.objects.filter(pk=row.pk).update(
        outcome=outcome[:200], handled_at=handled_at
    )
    return outcome


@transaction.atomic
def settle(*, top_up: TopUp, found: Found, now: datetime) -> str:
    """Book how a payment stands at its provider. Money is credited once, however often
    and from wherever this is called; amount and currency must be those asked for."""
    locked = Account.objects.lock(top_up.account_id)
    return _settle(locked, top_up.pk, found, now)


def _settle(account: Account, top_up_id: int, found: Found, now: datetime) -> str:
    top_up = TopUp.objects.get(account=account, pk=top_up_id)
    if found.standing is Standing.PAID:
        return _credit(account, top_up, found, now)
    unpaid = TopUp.objects.filter(
        account=account, pk=top_up_id, state__in=[State.REQUESTED, State.OPEN]
    )
    if found.standing is Standing.OPEN or not unpaid.update(state=ENDS[found.standing]):
        return "Nothing to do."
    return f"The top-up has {found.standing}."


def _credit(account: Account, top_up: TopUp, found: Found, now: datetime) -> str:
    if top_up.state == State.PAID:
        return "Already credited."
    if problem := _differs(top_up, found):
        logger.error("Top-up %s is paid but not credited: %s", top_up.pk, problem)
        TopUp.objects.filter(account=account, pk=top_up.pk).update(problem=problem)
        return problem
    TopUp.objects.filter(account=account, pk=top_up.pk).update(
        state=State.PAID,
        paid_at=now,
        payment=found.payment,
        session=found.session,
        problem="",
    )
    balance.top_up(
        account=account,
        amount=top_up.amount,
        reference=f"top-up:{top_up.pk}",
        by=top_up.by,
        now=now,
    )
    _book_waiting(account, top_up.pk, found.payment, now)
    return "Credited."


def _differs(top_up: TopUp, found: Found) -> str:
    if top_up.session and found.session != top_up.session:
        return f"Paid on another page ({found.session[:200]})."
    if (found.amount, found.currency) != (top_up.amount, top_up.currency):
        return (
            f"Paid {found.amount} {found.currency}, asked for {top_up.amount}"
            f" {top_up.currency}."
        )
    return ""


def _book_waiting(
    account: Account, top_up_id: int, payment: str, now: datetime
) -> None:
    """Book what was told about a payment before the payment itself."""
    if not payment:
        return
    rows = PaymentEvent.objects.filter(payment=payment, handled_at=None)
    moving = rows.filter(effect__in=[Effect.TAKE, Effect.RETURN])
    for row in moving.select_for_update().order_by("pk"):
        _done(row, _move_back(row, account, top_up_id, now), now)


def _move_back(
    row: PaymentEvent, account: Account, top_up_id: int, now: datetime
) -> str:
    """Take a refunded or disputed payment back, or return what was taken."""
    top_up = TopUp.objects.get(account=account, pk=top_up_id)
    if top_up.state != State.PAID:
        return WAITS
    reference = f"top-up:{top_up.pk}:{row.thing}"[:90]
    taken = BalanceEntry.objects.filter(account=account, reference=reference).first()
    if row.effect == Effect.RETURN:
        return _return(account, top_up, taken, now)
    undone = PaymentEvent.objects.filter(thing=row.thing, effect=Effect.RETURN)
    if taken or undone.exists():
        return "Already booked, or undone before it was."
    return _take(row, account, top_up, reference, now)


def _take(
    row: PaymentEvent,
    account: Account,
    top_up: TopUp,
    reference: str,
    now: datetime,
) -> str:
    if row.currency != top_up.currency:
        return f"In {row.currency}, but the top-up was in {top_up.currency}."
    amount = min(Decimal(row.amount), top_up.amount - top_up.reversed_amount)
    if amount <= 0:
        return "The whole top-up is taken back already."
    _count_reversed(top_up, amount)
    balance.reverse(
        account=account,
        amount=amount,
        reference=reference,
        reason=REASONS["dispute" if "dispute" in row.kind else "refund"],
        by=None,
        now=now,
    )
    return "Taken back."


def _return(
    account: Account, top_up: TopUp, taken: BalanceEntry | None, now: datetime
) -> str:
    if taken is None:
        return "Nothing was taken back."
    reference = f"{taken.reference}:returned"
    if BalanceEntry.objects.filter(account=account, reference=reference).exists():
        return "Already returned."
    _count_reversed(top_up, taken.amount)
    balance.credit(
        account=account,
        amount=-taken.amount,
        kind=BalanceEntry.Kind.ADJUSTMENT,
        reference=reference,
        reason="A payment that had been taken back was made after all.",
        by=None,
        now=now,
    )
    return "Returned."


def _count_reversed(top_up: TopUp, amount: Decimal) -> None:
    TopUp.objects.filter(account=top_up.account_id, pk=top_up.pk).update(
        reversed_amount=top_up.reversed_amount + amount
    )


def ask(*, top_up: TopUp, now: datetime) -> str:
    """Ask the provider how a payment stands, and book that. Never charges: it only
    reads. A request that never got a page is given up after a day."""
    if top_up.state not in (State.REQUESTED, State.OPEN):
        return "Nothing to do."
    gateway = gateways().get(top_up.method)
    found = gateway.find(top_up.session) if gateway and top_up.session else None
    if (
        found is None
        and not top_up.session
        and now - top_up.created_at > GIVEN_UP_AFTER
    ):
        found = Found(Standing.EXPIRED, "", "", Decimal(0), top_up.currency)
    return settle(top_up=top_up, found=found, now=now) if found else "Nothing to do."


def reconcile(*, now: datetime) -> int:
    """Ask about every payment whose outcome is unknown, and fetch the events that did
    not reach us. Returns how many answers there were, those known already among them;
    what cannot be asked now is asked by the next run."""
    waiting = TopUp.objects.filter(
        method=TopUp.Method.STRIPE,
        state__in=[State.REQUESTED, State.OPEN],
        created_at__lte=now - ASKED_AFTER,
    )
    booked = 0
    for top_up in waiting.select_related("by").order_by("created_at"):
        try:
            booked += ask(top_up=top_up, now=now) != "Nothing to do."
        except (PaymentRefused, PaymentUnavailable):
            logger.warning("Top-up %s could not be asked about.", top_up.pk)
    return booked + _fetch_missed(now) + _book_late(now)


def _book_late(now: datetime) -> int:
    """Book events that waited for a payment which is known by now: one that arrived
    while the payment was being booked is seen by neither of the two."""
    late = PaymentEvent.objects.filter(handled_at=None, payment__gt="").filter(
        Exists(TopUp.objects.filter(payment=OuterRef("payment"), state=State.PAID))
    )
    rows = list(late.order_by("pk"))
    for row in rows:
        event = Event(
            id=row.event,
            kind=row.kind,
            effect=Effect(row.effect),
            thing=row.thing,
            payment=row.payment,
            amount=row.amount,
            currency=row.currency,
        )
        receive(provider=row.provider, event=event, now=now)
    return len(rows)


def _fetch_missed(now: datetime) -> int:
    gateway = gateways().get(STRIPE)
    if gateway is None:
        return 0
    try:
        events = gateway.missed_events(now - MISSED_SINCE)
    except (PaymentRefused, PaymentUnavailable):
        logger.warning("Missed events could not be fetched.")
        return 0
    for event in events:
        receive(provider=STRIPE, event=event, now=now)
    return len(events)
