"""Opening an account, and letting people into it."""

from datetime import datetime

from django.db import transaction

from accounts.models import Account, Member, User


@transaction.atomic
def open_account(
    *, slug: str, name: str, zone: str, currency: str, creator: User, now: datetime
) -> Account:
    """Open an account with its one creator."""
    account = Account(
        slug=slug, name=name, zone=zone, currency=currency, created_at=now
    )
    account.full_clean()
    account.save(force_insert=True)
    Member.objects.create(account=account, user=creator, is_creator=True)
    return account


def add_member(
    *, account: Account, user: User, is_global_resource: bool, is_financial: bool
) -> Member:
    """Let ``user`` into the account as a collaborator with these flags (rules 9)."""
    return Member.objects.create(
        account=account,
        user=user,
        is_global_resource=is_global_resource,
        is_financial=is_financial,
    )
