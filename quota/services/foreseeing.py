"""What a given date would do to every account, without doing it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from accounts.money import format_money
from quota.models import Subscription
from quota.rules.auto_renewal import attempts
from quota.rules.dates import local_date
from quota.rules.lifecycle import DELETION, GRACE
from quota.rules.reminders import Dated, reminders
from quota.services import auto_renewal

WORDS = {
    Dated.EXPIRY: "expiry reminder",
    Dated.ARREARS: "arrears: service isolated",
}
# The earliest thing before an end, and the latest after it, with room for the zones.
BEFORE, AFTER = timedelta(days=9), timedelta(days=8)


class Act(NamedTuple):
    """One thing that would happen to one account."""

    at: datetime
    account: str
    what: str


def foresee(*, day: date, now: datetime) -> list[Act]:
    """List what would happen on ``day``, as each term's own zone counts days, if nobody
    did anything before it: reminders, attempts of renewal, ends, terminations.

    Attempts are priced at the tariff and the balance of ``now``.
    """
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    near = Subscription.objects.filter(
        terminated_at=None, ends_at__gte=noon - AFTER, ends_at__lte=noon + BEFORE
    ).select_related("account")
    return sorted(
        act
        for subscription in near.order_by("pk")
        for act in (*_dated(subscription, day), *_attempts(subscription, day, now))
        if local_date(act.at, subscription.zone_info) == day
    )


def _dated(subscription: Subscription, day: date) -> Iterator[Act]:
    slug, end = subscription.account.slug, subscription.ends_at
    yield Act(end + DELETION, slug, "terminated; data deleted")
    if subscription.refunded_at:
        return
    for reminder in reminders(end, subscription.zone_info):
        if reminder.at < end + DELETION:
            yield Act(reminder.at, slug, WORDS[reminder.kind])
    yield Act(end, slug, "Professional Edition ends; scanning stops")
    yield Act(end + GRACE, slug, "last instant of renewal")


def _attempts(subscription: Subscription, day: date, now: datetime) -> Iterator[Act]:
    end, zone = subscription.ends_at, subscription.zone_info
    tried = [at for at in attempts(end, zone) if local_date(at, zone) == day]
    if not subscription.auto_renew or not tried:
        return
    account = subscription.account
    outlook = auto_renewal.outlook(account=account, now=now)
    if outlook is None:
        return
    price = format_money(outlook.price, account.currency)
    short = format_money(outlook.missing, account.currency)
    covered = "covered" if outlook.is_covered else f"{short} short"
    times = f", up to {len(tried)} times" if len(tried) > 1 else ""
    yield Act(tried[0], account.slug, f"auto-renewal for {price}, {covered}{times}")
