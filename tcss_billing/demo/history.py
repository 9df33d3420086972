"""Three months and some days of scans, through what customers and schedules use: each
act is told the day it would have happened on."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

from accounts.models import Account, User
from quota.models import Image, Kind, Scope, Selection
from quota.rules.calendar import boundary
from quota.scanners.port import Category, Scanner
from quota.services import scanning, sealing, windows, working
from quota.services.scanning import ScanRequest

MONTHS = 3
HOUR = timedelta(hours=1)
ALL = tuple(category.value for category in Category)
# So many of the last images are left for the visitor to scan first.
LEFT = 10
PRESSERS = ("creator@demo.example", "resource@demo.example")


class Press(NamedTuple):
    """A press of *Scan now*: so many days ago, over these images."""

    days_ago: int
    images: slice


# First scans month by month, and what was scanned again.
BEFORE = (
    Press(97, slice(0, 9)),
    Press(88, slice(0, 9)),
    Press(70, slice(9, 20)),
    Press(61, slice(0, 14)),
    Press(40, slice(20, 32)),
    Press(33, slice(4, 22)),
)
SINCE = (
    Press(11, slice(32, 38)),
    Press(9, slice(0, 8)),
    Press(8, slice(38, 46)),
    Press(6, slice(20, 29)),
    Press(5, slice(46, 49)),
    Press(3, slice(49, None)),
    Press(2, slice(30, 44)),
)


def begun(account: Account, now: datetime) -> datetime:
    """When the account bought: its fourth month began twelve days ago."""
    this_month = now - timedelta(days=12, hours=3)
    return boundary(this_month, -MONTHS, account.zone_info)


def scan(account: Account, scanner: Scanner, now: datetime) -> None:
    """Scan all but the last images once, the damaged ones among them, and some again;
    the months that ended lapse and are sealed."""
    usual = Image.objects.filter(
        account=account, is_local=True, is_other_platform=False
    )
    images = list(usual.order_by("name", "tag"))
    first, zone = begun(account, now), account.zone_info
    ends = [boundary(first, month, zone) for month in range(1, MONTHS + 1)]
    for press, by in _presses():
        at = now - timedelta(days=press.days_ago, minutes=37 * press.days_ago % 400)
        while ends and ends[0] < at:
            windows.lapse_ended(now=ends.pop(0) + HOUR)
        _press(account, images[:-LEFT][press.images], by, scanner, at)
    windows.lapse_ended(now=now)
    sealing.seal_closed(clock=lambda: now)


def _presses() -> Iterator[tuple[Press, User]]:
    people = [User.objects.get(email=email) for email in PRESSERS]
    for number, press in enumerate((*BEFORE, *SINCE)):
        yield press, people[number % len(people)]


def _press(
    account: Account,
    images: Sequence[Image],
    by: User,
    scanner: Scanner,
    now: datetime,
) -> None:
    ids = tuple(image.pk for image in images)
    scanning.reserve(
        account=account,
        request=ScanRequest(
            Selection(Scope.SELECTED, ids=ids, kind=Kind.LOCAL),
            ALL,
            "Selected local images",
        ),
        agreed=None,
        key=uuid4(),
        by=by,
        now=now,
    )
    working.work(account_id=account.pk, scanner=scanner, clock=lambda: now)
