"""What the demo shows of people: verified addresses, an invitation, a code by SMS."""

from datetime import datetime, timedelta

from accounts.models import Account, Member, User
from accounts.services import codes, inviting, opening
from accounts.services.notices import SMS


def seed_people(account: Account, now: datetime) -> None:
    """Verify who the demo's people are, invite somebody, and verify a number."""
    User.objects.filter(email_verified_at=None).update(email_verified_at=now)
    creator = Member.objects.select_related("user").get(
        account=account, is_creator=True
    )
    User.objects.filter(pk=creator.user_id).update(phone="+6591234567")
    # One of them works for two customers: the account menu switches between them.
    opening.add_member(
        account=Account.objects.get(slug="corvid-labs"),
        user=User.objects.get(email="viewer@demo.example"),
        is_global_resource=True,
        is_financial=False,
    )
    earlier = now - timedelta(hours=26)
    for email, active in (
        ("creator@demo.example", timedelta(hours=1)),
        ("resource@demo.example", timedelta(hours=5)),
        ("finance@demo.example", timedelta(days=1, hours=2)),
    ):
        Member.objects.filter(account=account, user__email=email).update(
            last_active_at=now - active
        )
    inviting.invite(
        account=account,
        email="noor@demo.example",
        is_global_resource=True,
        is_financial=False,
        by=creator.user,
        now=earlier,
    )
    finance = User.objects.get(email="finance@demo.example")
    codes.ask(user=finance, channel=SMS, target="+6598765432", now=now)
