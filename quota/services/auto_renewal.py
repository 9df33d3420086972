"""Auto-renewal: the switch, the attempts, and what the next one will come to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import Max

from accounts.errors import DebtOutstanding, InsufficientBalance
from accounts.models import Account, BalanceEntry, Notice, User
from accounts.money import format_money
from accounts.services import notices
from quota.errors import NotActive
from quota.models import AutoRenewSwitch, Order, Subscription
from quota.quotes import Outlook, RenewalBasket, RenewalQuote
from quota.rules.auto_renewal import LATE, due_attempt, next_attempt
from quota.rules.dates import local_date, moment_words
from quota.rules.lifecycle import GRACE, SubscriptionState
from quota.services import renewing
from quota.services.renewal_ground import Ground, renewable, stand, stand_on
from quota.services.sweeping import in_turn

ONE_MONTH = 1
# The first attempt is at most a day, of 25 hours, and an hour before the end.
AHEAD = timedelta(hours=26)
KEYS = UUID("5f0c8f5e-6f43-4d0b-9d4b-0a6d7a1c3e52")


@dataclass(frozen=True, slots=True)
class Switched:
    """What the switch did: where it stands, and the order if it renewed at once."""

    is_on: bool
    order: Order | None


@transaction.atomic
def switch(*, account: Account, on: bool, by: User | None, now: datetime) -> Switched:
    """Switch auto-renewal on or off, and write down who did. Switched on while
    suspended it tries at once.

    Refuses where there is nothing to renew. A second call with the same ``on`` changes
    nothing.
    """
    locked = Account.objects.lock(account.pk)
    subscription = renewable(Subscription.objects.current(locked.pk, now), now)
    state = subscription.state(now)
    turned = Subscription.objects.filter(
        account=locked, pk=subscription.pk, auto_renew=not on
    ).update(auto_renew=on, **_tried(locked, now))
    if turned:
        AutoRenewSwitch.objects.create(
            account=locked, subscription=subscription, is_on=on, by=by, created_at=now
        )
    if turned and on and state is SubscriptionState.SUSPENDED:
        return Switched(on, _try(locked, subscription, now))
    return Switched(on, None)


def outlook(
    *, account: Account, now: datetime, ground: Ground | None = None
) -> Outlook | None:
    """What the next attempt would be, were auto-renewal on: None where there is nothing
    that can be renewed. ``ground`` is that of ``now``, where it was read already."""
    try:
        current = (
            ground.subscription
            if ground
            else renewable(Subscription.objects.current(account.pk, now), now)
        )
        next_at = next_attempt(current.ends_at, current.zone_info, now)
        at = next_at or now
        quoted = _quote(ground.at(at) if ground else stand_on(account, current, at))
    except NotActive:
        return None
    return Outlook(
        next_at,
        quoted.total,
        max(Decimal(0), quoted.total + account.debt - account.balance),
        [offer.pack for offer in quoted.left_out],
        is_on=current.auto_renew,
    )


def sweep(*, now: datetime) -> int:
    """Try every term whose attempt is due, or whose account was topped up while
    suspended. Returns how many were renewed. A second call, or another worker, finds
    the attempt made."""
    ending = Subscription.objects.filter(
        auto_renew=True,
        terminated_at=None,
        ends_at__gte=now - GRACE - LATE,
        ends_at__lte=now + AHEAD,
    )
    accounts = ending.order_by("account").values_list("account", flat=True)
    return in_turn(
        accounts, lambda each: attempt_due(account_id=each, now=now) is not None
    )


@transaction.atomic
def attempt_due(*, account_id: int, now: datetime) -> Order | None:
    """Try to renew one account's term if that is due. Returns the order, if any.

    All or nothing, one month, at the price then in force. With too little balance
    nothing is charged, and one notice a day says so (rules 6).
    """
    account = Account.objects.lock(account_id)
    subscription = Subscription.objects.current(account_id, now)
    if subscription is None or not subscription.auto_renew:
        return None
    as_of = due_attempt(
        subscription.ends_at,
        subscription.zone_info,
        subscription.auto_renew_tried_at,
        now,
    )
    if as_of is None and _topped_up_while_suspended(subscription, now):
        as_of = now
    if as_of is None:
        return None
    Subscription.objects.filter(account=account_id, pk=subscription.pk).update(
        **_tried(account, now)
    )
    return _try(account, subscription, as_of)


def _tried(account: Account, now: datetime) -> dict[str, Any]:
    """What a subscription keeps of a try; the account is locked."""
    known = BalanceEntry.objects.filter(account=account)
    newest = known.aggregate(pk=Max("pk", default=0))["pk"]
    return {"auto_renew_tried_at": now, "auto_renew_tried_entry": newest}


def _topped_up_while_suspended(subscription: Subscription, now: datetime) -> bool:
    if subscription.state(now) is not SubscriptionState.SUSPENDED:
        return False
    return BalanceEntry.objects.filter(
        account=subscription.account_id,
        amount__gt=0,
        pk__gt=subscription.auto_renew_tried_entry,
        created_at__lte=now,
    ).exists()


def _quote(ground: Ground) -> RenewalQuote:
    """One month, without the packs of an open refund request."""
    return renewing.price(ground, RenewalBasket(ONE_MONTH, left_out=ground.asked_back))


def _try(account: Account, subscription: Subscription, now: datetime) -> Order | None:
    try:
        with transaction.atomic():
            quoted = _quote(stand(account, now))
            return renewing.renew(
                account=account,
                basket=quoted.basket,
                state=quoted.state,
                total=quoted.total,
                key=uuid5(KEYS, f"renewal:{subscription.pk}:{quoted.term_number}"),
                by=None,
                now=now,
            )
    except (InsufficientBalance, DebtOutstanding):
        _tell_failure(account, subscription, quoted, now)
    except NotActive:
        return None  # another worker has lapsed what a renewal would lengthen
    return None


def _tell_failure(
    account: Account, subscription: Subscription, quoted: RenewalQuote, now: datetime
) -> None:
    zone = subscription.zone_info
    term = subscription.terms.filter(account=account).latest("number")
    next_try = next_attempt(subscription.ends_at, zone, now)
    notices.queue(
        account=account,
        kind=Notice.Kind.AUTO_RENEWAL_FAILED,
        audience=notices.Audience.MONEY,
        subject=f"term:{term.pk}:{local_date(now, zone)}",
        context={
            "balance": format_money(account.balance, account.currency),
            "needed": format_money(quoted.total, account.currency),
            "ends": moment_words(subscription.ends_at, zone),
            "next_try": moment_words(next_try, zone) if next_try else "",
        },
        now=now,
    )
