"""The dated notices of a term: expiry reminders and arrears (rules 7)."""

from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Account, Notice
from accounts.services import notices
from accounts.services.notices import EMAIL, SMS, Audience
from quota.models import Subscription
from quota.rules.dates import moment_words
from quota.rules.lifecycle import DELETION, GRACE
from quota.rules.reminders import DAYS_BEFORE, Dated, Reminder, due_reminder
from quota.services import auto_renewal

AHEAD = timedelta(days=DAYS_BEFORE + 1)
KINDS = {
    Dated.EXPIRY: (Notice.Kind.EXPIRY_REMINDER, Audience.IN_CHARGE),
    Dated.ARREARS: (Notice.Kind.ARREARS, Audience.EVERYONE),
}


def remind(*, now: datetime) -> int:
    """Queue what is owed at ``now`` to the members of every account. Returns for how
    many accounts; a second call, or another worker, owes nobody anything twice.

    A day on which nothing ran is not made up. A renewal moves the end, and with it
    every date; after a refund of Professional Edition there is nothing to remind of.
    """
    near = Subscription.objects.filter(
        terminated_at=None,
        refunded_at=None,
        ends_at__gt=now - DELETION,
        ends_at__lte=now + AHEAD,
    ).select_related("account")
    return sum(
        _remind(subscription, reminder, now)
        for subscription in near.order_by("pk")
        if (reminder := _owed(subscription, now))
    )


def _owed(subscription: Subscription, now: datetime) -> Reminder | None:
    return due_reminder(subscription.ends_at, subscription.zone_info, now)


@transaction.atomic
def _remind(subscription: Subscription, reminder: Reminder, now: datetime) -> bool:
    kind, audience = KINDS[reminder.kind]
    account_id, term = subscription.account_id, subscription.terms.latest("number")
    subject = f"term:{term.pk}:{reminder.day}"
    told = Notice.objects.filter(account=account_id, kind=kind, subject=subject)
    if told.exists():
        return False
    account = Account.objects.lock(account_id)
    renewed = not Subscription.objects.filter(
        account=account_id, pk=subscription.pk, ends_at=subscription.ends_at
    ).exists()
    if renewed:
        return False
    notices.queue(
        account=account,
        kind=kind,
        audience=audience,
        subject=subject,
        context=_context(account, subscription, reminder, now),
        now=now,
        channels=(EMAIL, SMS),
    )
    return True


def _context(
    account: Account, subscription: Subscription, reminder: Reminder, now: datetime
) -> dict[str, object]:
    end, zone = subscription.ends_at, subscription.zone_info
    if reminder.kind is Dated.ARREARS:
        return {
            "ended": moment_words(end, zone),
            "renew_by": moment_words(end + GRACE, zone),
            "deleted": moment_words(end + DELETION, zone),
        }
    outlook = auto_renewal.outlook(account=account, now=now)
    return {
        "days": f"{reminder.days} day{'s' if reminder.days > 1 else ''}",
        "ends": moment_words(end, zone),
        "auto_renewal": subscription.auto_renew,
        "covered": outlook is not None and outlook.is_covered,
    }
