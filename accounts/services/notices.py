"""Owing a message: rows of the outbox, made in the transaction that owes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from django.db.models import Q, QuerySet

from accounts.models import Account, Member, Notice
from accounts.notice_kinds import check_keys
from accounts.services import waking

EMAIL, SMS = Notice.Channel.EMAIL, Notice.Channel.SMS


class Audience(StrEnum):
    """Whom a kind of notice is owed to; several roles still get one (rules 7)."""

    EVERYONE = "everyone"
    IN_CHARGE = "in_charge"
    MONEY = "money"
    SCANS = "scans"
    CREATOR = "creator"

    def members(self, account: Account) -> QuerySet[Member]:
        """The members meant: the creator always, and those with the flags."""
        asked = {
            Audience.EVERYONE: Q(),
            Audience.IN_CHARGE: Q(is_global_resource=True) | Q(is_financial=True),
            Audience.MONEY: Q(is_financial=True),
            Audience.SCANS: Q(is_global_resource=True),
            Audience.CREATOR: Q(is_creator=True),
        }[self]
        members = Member.objects.filter(account=account)
        return members.filter(asked | Q(is_creator=True)) if asked else members


def queue(
    *,
    account: Account,
    kind: Notice.Kind,
    audience: Audience,
    subject: str,
    context: Mapping[str, object],
    now: datetime,
    channels: Sequence[Notice.Channel] = (EMAIL,),
) -> int:
    """Owe a notice to each person of the audience, by each channel. Returns for how
    many rows it was asked; one that exists already is left as it is (rules 7).

    ``subject`` names the thing, and for dated kinds the date. ``context`` holds the
    plain words that the templates of ``kind`` print (``accounts.notice_kinds``).
    """
    if EMAIL not in channels:
        raise ValueError("Every notice has an email, which the Notices page shows.")
    check_keys(kind, context.keys())
    rows = [
        Notice(
            account=account,
            user_id=user_id,
            kind=kind,
            channel=channel,
            subject=subject,
            context=dict(context),
            due_at=now,
            created_at=now,
        )
        for user_id in audience.members(account).values_list("user", flat=True)
        for channel in channels
    ]
    made = Notice.objects.bulk_create(rows, ignore_conflicts=True)
    for channel in channels:
        waking.wake_senders_after_commit(channel)
    return len(made)
