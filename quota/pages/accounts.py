"""The accounts of a person, and where each stands: three queries, however many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Account, User
from quota.models import Subscription
from quota.pages.header import Pause, QuotaHeader, headers, pause_of
from quota.pages.words import Clock
from quota.rules.lifecycle import DELETION


@dataclass(frozen=True, slots=True)
class Choice:
    """One account to go to. ``until`` is empty without Professional Edition, of which
    ``pause`` says why it ended; ``header`` stands while there is quota."""

    name: str
    url: str
    until: str
    pause: Pause | None
    header: QuotaHeader | None


def choices(user: User, now: datetime) -> Sequence[Choice]:
    """The accounts that ``user`` is a member of, by name."""
    accounts = list(Account.objects.filter(members__user=user).order_by("name", "pk"))
    left, editions = headers(accounts, now), _editions(accounts, now)
    return [
        _choice(account, editions.get(account.pk), left.get(account.pk), now)
        for account in accounts
    ]


def _editions(accounts: Sequence[Account], now: datetime) -> dict[int, Subscription]:
    """Each account's newest Professional Edition, unless it is terminated."""
    kept = Subscription.objects.filter(account__in=accounts, ends_at__gt=now - DELETION)
    return {edition.account_id: edition for edition in kept.order_by("anchor")}


def _choice(
    account: Account,
    edition: Subscription | None,
    header: QuotaHeader | None,
    now: datetime,
) -> Choice:
    clock = Clock(account, now)
    return Choice(
        name=account.name,
        url=account.get_absolute_url(),
        until=clock.day(edition.ends_at) if edition else "",
        pause=pause_of(edition, clock),
        header=header,
    )
