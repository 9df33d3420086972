"""A nightly schedule that has run once, and a press that was taken back."""

from datetime import datetime, time, timedelta
from uuid import uuid4

from accounts.models import Account, User
from quota.models import Image, Kind, Scope, Selection
from quota.models.schedules import Settings
from quota.scanners.port import Category, Scanner
from quota.services import scanning, scheduling, working
from quota.services.scanning import ScanRequest

NIGHTLY = Settings(
    is_on=True,
    start=time(2),
    stop_by=time(5),
    scope=Scope.ALL,
    left_out=("ml/*", "sandbox/*"),
    fit=True,
)


def seed_schedule(account: Account, scanner: Scanner, now: datetime) -> None:
    """Save the schedule since yesterday and make up last night's run."""
    scheduling.save(
        account=account,
        kind=Kind.LOCAL,
        settings=NIGHTLY,
        revision=0,
        by=User.objects.get(email="resource@demo.example"),
        now=now - timedelta(hours=25),
    )
    scheduling.queue_due(now=now)
    working.work(account_id=account.pk, scanner=scanner, clock=lambda: now)
    _take_back(account, now)


def _take_back(account: Account, now: datetime) -> None:
    by = account.members.get(is_creator=True).user
    some = Image.objects.filter(account=account, is_local=True).order_by("name")[:3]
    task = scanning.reserve(
        account=account,
        request=ScanRequest(
            Selection(Scope.SELECTED, ids=tuple(image.pk for image in some)),
            tuple(category.value for category in Category),
            "Selected local images",
        ),
        agreed=None,
        key=uuid4(),
        by=by,
        now=now,
    )
    scanning.undo(task=task, by=by, now=now)
