"""The dated notices of a term: expiry reminders and arrears (rules 7)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts.models import Account, Notice
from accounts.services import notices
from accounts.services.notices import EMAIL, SMS, Audience
from quota.models import Subscription, Term
from quota.rules.dates import moment_words
from quota.rules.lifecycle import DELETION, GRACE
from quota.rules.reminders import DAYS_BEFORE, Dated, Reminder, due_reminder
from quota.services import auto_renewal
from quota.services.sweeping import in_turn

AHEAD = timedelta(days=DAYS_BEFORE + 1)
KINDS = {
    Dated.EXPIRY: (Notice.Kind.EXPIRY_REMINDER, Audience.IN_CHARGE),
    Dated.ARREARS: (Notice.Kind.ARREARS, Audience.EVERYONE),
}
# By account, as its index is.
LATEST = (
    Term.objects.filter(account=OuterRef("account"), subscription=OuterRef("pk"))
    .order_by("-number")
    .values("pk")[:1]
)


class _Owed(NamedTuple):
    """A reminder of a subscription, and what tells it from any other."""

    subscription: Subscription
    reminder: Reminder
    subject: str

    @property
    def account_id(self) -> int:
        return self.subscription.account_id

    @property
    def key(self) -> tuple[int, str, str]:
        kind, _ = KINDS[self.reminder.kind]
        return self.account_id, kind.value, self.subject


def remind(*, now: datetime) -> int:
    """Queue what is owed at ``now`` to the members of every account. Returns for how
    many accounts; a second call, or another worker, owes nobody anything twice.

    A day on which nothing ran is not made up. A renewal moves the end, and with it
    every date; after a refund of Professional Edition there is nothing to remind of.
    Who was told already is read for all of them at once: this runs every minute.
    """
    near = Subscription.objects.filter(
        terminated_at=None,
        refunded_at=None,
        ends_at__gt=now - DELETION,
        ends_at__lte=now + AHEAD,
    )
    terms = dict(near.values_list("pk", Subquery(LATEST)))
    owed = [
        _Owed(subscription, reminder, f"term:{terms[subscription.pk]}:{reminder.day}")
        for subscription in near.filter(pk__in=terms).order_by("pk")
        if (reminder := _reminder(subscription, now))
    ]
    told = _told(owed)
    new = (each for each in owed if each.key not in told)
    return in_turn(new, lambda each: _remind(each, now))


def _reminder(subscription: Subscription, now: datetime) -> Reminder | None:
    return due_reminder(subscription.ends_at, subscription.zone_info, now)


def _told(owed: Sequence[_Owed]) -> set[tuple[int, str, str]]:
    found = Notice.objects.filter(
        account__in=[each.account_id for each in owed],
        kind__in=[kind for kind, _ in KINDS.values()],
        subject__in=[each.subject for each in owed],
    )
    return set(found.values_list("account", "kind", "subject"))


@transaction.atomic
def _remind(owed: _Owed, now: datetime) -> bool:
    subscription, reminder = owed.subscription, owed.reminder
    kind, audience = KINDS[reminder.kind]
    account_id = owed.account_id
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
        subject=owed.subject,
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
            "renew_by": moment_words(end + GRACE, zone) if now <= end + GRACE else "",
            "deleted": moment_words(end + DELETION, zone),
        }
    outlook = auto_renewal.outlook(account=account, now=now)
    return {
        "days": f"{reminder.days} day{'s' if reminder.days > 1 else ''}",
        "ends": moment_words(end, zone),
        "auto_renewal": subscription.auto_renew,
        "covered": outlook is not None and outlook.is_covered,
    }
