"""Schedules that tests save, and when they are due."""

from datetime import datetime

from accounts.models import Account
from quota.models import Kind, Schedule, Scope
from quota.models.schedules import Settings
from quota.services import scheduling
from tests.factories import creator_of

NIGHTLY = Settings(is_on=True, scope=Scope.ALL)


def saved(
    account: Account,
    now: datetime,
    settings: Settings = NIGHTLY,
    *,
    revision: int = 0,
    kind: Kind = Kind.LOCAL,
) -> Schedule:
    return scheduling.save(
        account=account,
        kind=kind,
        settings=settings,
        revision=revision,
        by=creator_of(account),
        now=now,
    )


def due(schedule: Schedule) -> datetime:
    schedule.refresh_from_db()
    assert schedule.due_at
    return schedule.due_at
