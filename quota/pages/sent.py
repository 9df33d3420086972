"""The dated notices of a term that were sent, and to how many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from accounts.models import Account, Notice
from quota.models import Subscription
from quota.pages.words import Clock, plural

SINCE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Sent:
    """One notice of the term, to how many people and how."""

    title: str
    words: str


DATED = (
    Notice.Kind.EXPIRY_REMINDER,
    Notice.Kind.ARREARS,
    Notice.Kind.AUTO_RENEWAL_FAILED,
    Notice.Kind.TERMINATED,
)


def sent_about(
    account: Account, subscription: Subscription, clock: Clock
) -> Sequence[Sent]:
    """The last notices about this end, newest first, each with its people."""
    rows = Notice.objects.filter(
        account=account,
        kind__in=DATED,
        created_at__gte=subscription.ends_at - SINCE,
    )
    groups: dict[tuple[str, str], list[Notice]] = {}
    for notice in rows.order_by("-created_at", "pk")[:200]:
        groups.setdefault((notice.kind, notice.subject), []).append(notice)
    return [_group(notices, clock) for notices in list(groups.values())[:4]]


def _group(notices: Sequence[Notice], clock: Clock) -> Sent:
    people = len({notice.user_id for notice in notices})
    by_sms = any(notice.channel == Notice.Channel.SMS for notice in notices)
    how = "Email and SMS" if by_sms else "Email"
    when = clock.running_moment(notices[0].created_at)
    who = plural(people, "person", "people")
    return Sent(notices[0].get_kind_display(), f"{how} to {who}, {when}")
