"""Tasks that tests begin, and scans that fail in them."""

from datetime import datetime, timedelta

from accounts.models import Account
from quota.models import Scan, ScanTask
from quota.services import ending, working
from tests.factories import ImageFactory, finish, press

MINUTE = timedelta(minutes=1)


def started(account: Account, images: int, now: datetime) -> ScanTask:
    return press(account, ImageFactory.create_batch(images, account=account), now)


def fail(account: Account, now: datetime, count: int) -> None:
    """Claim so many scans and bring back nothing; then finish the others."""
    claimed = working.claim(account_id=account.pk, limit=count, now=now)
    assert claimed
    ended = [
        ending.Ended(
            scan.pk, claimed.token, Scan.Outcome.FAILED, "The layer is broken. Pull it."
        )
        for scan in claimed.scans
    ]
    ending.end(account_id=account.pk, ended=ended, now=now + MINUTE)
    finish(account, now + MINUTE)
