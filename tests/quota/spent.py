"""An account that has spent some of its quota, in each way there is."""

from datetime import datetime, timedelta

from accounts.models import Account
from tests.factories import ImageFactory, account_with, finish, member_of, press


def spent(now: datetime) -> Account:
    """Bought at ``now``; two images scanned by Mei, one again the next day by schedule,
    one failed."""
    account = account_with(now=now, zone="Asia/Kathmandu")
    images = [
        ImageFactory.create(account=account, name="team/app-twice"),
        *ImageFactory.create_batch(2, account=account),
    ]
    mei = member_of(account, resource=True)
    mei.name = "Mei Tanaka"
    mei.save(update_fields=["name"])
    press(account, images[:2], now, by=mei)
    finish(account, now)
    press(account, images[:1], now + timedelta(days=1))
    finish(account, now + timedelta(days=1))
    press(account, images[2:], now + timedelta(days=1))
    finish(account, now + timedelta(days=1), fails=True)
    return account
