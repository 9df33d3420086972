"""Who has which place in an account, in one word each."""

from datetime import datetime

from django.urls import reverse

from accounts.models import Account, Invite, Member, User
from accounts.services import inviting
from tests.factories import creator_of


def url(name: str, account: Account, *more: object) -> str:
    return reverse(f"accounts:{name}", args=[account.slug, *more])


def invited(account: Account, email: str, now: datetime, **flags: bool) -> Invite:
    return inviting.invite(
        account=account,
        email=email,
        is_global_resource=flags.get("resource", False),
        is_financial=flags.get("financial", False),
        by=creator_of(account),
        now=now,
    )


def flags(user: User) -> tuple[bool, bool, bool]:
    member = Member.objects.get(user=user)
    return member.is_creator, member.is_global_resource, member.is_financial
