"""What every quote of a renewal stands on, read once and priced any number of times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Sum

from accounts.models import Account
from quota.errors import NotActive
from quota.models import QuotaPack, QuotaWindow, RefundRequest, Subscription, Tariff
from quota.rules.lifecycle import SubscriptionState
from quota.rules.refunds import OPEN
from quota.rules.renewal import LastWindow, has_ended

RENEWABLE = (SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED)
CLOSED = "Renewal has closed: Professional Edition ended more than five days ago."
NONE = "There is no Professional Edition to renew. Buy it first."


@dataclass(frozen=True, slots=True)
class Held:
    """A pack that was not refunded: its last window, and whether its refund is asked
    for."""

    pack: QuotaPack
    last: LastWindow
    is_asked_back: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """A subscription that can be renewed at ``now``, its packs, and the tariff."""

    account: Account
    subscription: Subscription
    tariff: Tariff
    terms: int
    months: int
    held: Sequence[Held]
    now: datetime

    @property
    def packs(self) -> Sequence[Held]:
        """The packs that are not past all renewing."""
        end = self.subscription.ends_at
        return [each for each in self.held if not has_ended(each.last, end, self.now)]

    @property
    def asked_back(self) -> frozenset[int]:
        """The packs whose refund is asked for, which auto-renewal leaves out."""
        return frozenset(each.pack.pk for each in self.packs if each.is_asked_back)

    @property
    def state(self) -> str:
        """What its quotes are made from: the E that they extend, and the tariff."""
        return f"{self.subscription.ends_at.isoformat()}.{self.tariff.pk}"

    def at(self, instant: datetime) -> "Ground":
        """The same at another instant, at the tariff of then."""
        if instant == self.now:
            return self
        tariff = Tariff.objects.in_force(self.account.currency, instant)
        return replace(self, now=instant, tariff=tariff)


def renewable(subscription: Subscription | None, now: datetime) -> Subscription:
    """The subscription, where it can be renewed at ``now``; refuses it elsewhere."""
    if subscription is None:
        raise NotActive(NONE)
    if subscription.state(now) not in RENEWABLE:
        raise NotActive(CLOSED)
    return subscription


def stand(account: Account, now: datetime) -> Ground:
    """Read the ground in four queries. Refuses where nothing can be renewed at
    ``now``."""
    current = Subscription.objects.current(account.pk, now)
    return stand_on(account, renewable(current, now), now)


def stand_on(account: Account, subscription: Subscription, now: datetime) -> Ground:
    """Read the ground of a subscription that is known, in three queries."""
    paid = subscription.terms.filter(account=account.pk).aggregate(
        number=Max("number"), months=Sum("months")
    )
    return Ground(
        account=account,
        subscription=subscription,
        tariff=Tariff.objects.in_force(account.currency, now),
        terms=paid["number"],
        months=paid["months"],
        held=_held(subscription),
        now=now,
    )


def _held(subscription: Subscription) -> Sequence[Held]:
    asked = RefundRequest.objects.filter(
        account=subscription.account_id, pack=OuterRef("pack"), state__in=OPEN
    )
    windows = QuotaWindow.objects.filter(
        account=subscription.account_id,
        pack__subscription=subscription,
        pack__closed_at=None,
    ).select_related("pack")
    lasts = windows.annotate(asked=Exists(asked)).order_by("pack", "-number")
    held = [
        Held(
            window.pack,
            LastWindow(window.number, window.starts_at, window.ends_at),
            window.asked,  # type: ignore[attr-defined]  # annotated
        )
        for window in lasts.distinct("pack")
    ]
    return sorted(held, key=lambda each: (each.pack.anchor, each.pack.pk))
