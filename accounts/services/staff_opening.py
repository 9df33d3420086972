"""Accounts that staff open for somebody."""

from datetime import datetime

from django.db import transaction

from accounts.models import Account, User
from accounts.services import audit, letters
from accounts.services.opening import open_account


@transaction.atomic
def open_for(
    *,
    name: str,
    slug: str,
    zone: str,
    currency: str,
    creator_email: str,
    creator_name: str,
    by: User,
    address: str | None,
    now: datetime,
) -> Account:
    """Open an account with this person as its creator. Who cannot sign in yet gets a
    link to a first password, which proves the address too."""
    creator = User.objects.filter(email=creator_email).first()
    if creator is None:
        creator = User.objects.create_user(creator_email, None, name=creator_name)
    account = open_account(
        slug=slug, name=name, zone=zone, currency=currency, creator=creator, now=now
    )
    if not creator.has_usable_password():
        letters.owe_first_password(user=creator, now=now)
    audit.record(
        by=by,
        act="Open account",
        target=str(account),
        account=account,
        after={
            "slug": slug,
            "zone": zone,
            "currency": currency,
            "creator": creator_email,
        },
        address=address,
        now=now,
    )
    return account
