"""Asking other members for what one lacks: a right, or what only they may do."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from accounts.errors import Conflict, Refusal
from accounts.models import Account, Member, Notice, User
from accounts.services import audit, notices, throttling

WHAT = {"scan": "scan", "money": "buy and see the balance"}
FLAGS = {"scan": "is_global_resource", "money": "is_financial"}
PRESSES, PER = 20, timedelta(hours=1)


@transaction.atomic
def ask(*, account: Account, user: User, right: str, now: datetime) -> bool:
    """Owe the creator a notice that a member asks for a right. Returns False where it
    was asked today already.

    Refuses a right that cannot be given away (422), and who has it (409).
    """
    if right not in WHAT:
        raise Refusal("This right cannot be asked for.")
    locked = Account.objects.lock(account.pk)
    member = Member.objects.get(account=locked, user=user)
    if member.is_creator or getattr(member, FLAGS[right]):
        raise Conflict("You have this right already. Load the page again.")
    return ask_once(
        locked=locked,
        user=user,
        kind=Notice.Kind.ACCESS_ASKED,
        audience=notices.Audience.CREATOR,
        about=f"access:{right}",
        context={"what": WHAT[right]},
        now=now,
    )


@transaction.atomic
def ask_once(
    *,
    locked: Account,
    user: User,
    kind: Notice.Kind,
    audience: notices.Audience,
    about: str,
    context: Mapping[str, object],
    now: datetime,
) -> bool:
    """Owe the audience a notice that a member asks for something: one a day for each
    member and thing, however often it is pressed. Returns False where it was asked
    today already. The account is locked by the caller; ``who`` asks is added.

    Refuses a flood of presses (429).
    """
    throttling.take(f"ask:{locked.pk}:{user.pk}", limit=PRESSES, per=PER, now=now)
    day = now.astimezone(locked.zone_info).date()
    subject = f"{about}:{user.pk}:{day}"
    asked = Notice.objects.filter(account=locked, kind=kind, subject=subject)
    if asked.exists():
        return False
    notices.queue(
        account=locked,
        kind=kind,
        audience=audience,
        subject=subject,
        context={"who": str(user), **context},
        now=now,
    )
    audit.record(
        by=user, act=kind.label, target=about, account=locked, after=context, now=now
    )
    return True
