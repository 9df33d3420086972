"""Asking the creator of an account for a right that one lacks."""

from datetime import datetime

from django.db import transaction

from accounts.errors import Conflict, Refusal
from accounts.models import Account, Member, Notice, User
from accounts.services import notices

WHAT = {"scan": "scan", "money": "buy and see the balance"}
FLAGS = {"scan": "is_global_resource", "money": "is_financial"}


@transaction.atomic
def ask(*, account: Account, user: User, right: str, now: datetime) -> bool:
    """Owe the creator a notice that a member asks for a right: one a day for each
    member and right. Returns False where it was asked today already.

    Refuses a right that cannot be given away (422), and who has it (409).
    """
    if right not in WHAT:
        raise Refusal("This right cannot be asked for.")
    locked = Account.objects.lock(account.pk)
    member = Member.objects.get(account=locked, user=user)
    if member.is_creator or getattr(member, FLAGS[right]):
        raise Conflict("You have this right already. Load the page again.")
    day = now.astimezone(locked.zone_info).date()
    subject = f"access:{right}:{user.pk}:{day}"
    kind = Notice.Kind.ACCESS_ASKED
    asked = Notice.objects.filter(account=locked, kind=kind, subject=subject)
    if asked.exists():
        return False
    notices.queue(
        account=locked,
        kind=kind,
        audience=notices.Audience.CREATOR,
        subject=subject,
        context={"who": str(user), "what": WHAT[right]},
        now=now,
    )
    return True
